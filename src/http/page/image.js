// An image: what it is, whether it may be used here, who said so and when, how to get it.

import { ago, badge, command, copies, date, facts, link, make, outside, part, table } from './elements.js';
import { askIfThere, askIfTold, Problem } from './node.js';
import { timeline } from './timeline.js';
import { words } from './words.js';

const IDENTIFIER = /^[A-P][A-Za-z0-9_-]{26}$/;

export async function image(place, signal) {
  const [name = ''] = place.parts;
  const path = `/images/${encodeURIComponent(name)}`;
  const [found, judged] = await Promise.all([askIfThere(path, signal), askIfTold(place.site, `${path}/judgement`, signal)]);
  if (!found && !judged) throw new Problem(404, `This site has heard nothing of ${name}.`);
  const concerns = (change) => change.identifier === (found ?? judged).identifier;
  if (!found) return { title: judged.identifier, content: onlyRefused(judged), concerns };
  const entry = speaks(found.entries);
  return {
    title: words.title(entry),
    content: [
      make('p', { class: 'identifier' }, make('code', {}, found.identifier), copies(found.identifier, 'the identifier')),
      banner(entry, judged),
      warning(entry, found.entries),
      entry.description && make('p', { class: 'description' }, entry.description),
      make('div', { class: 'columns' },
        part('What it is', described(entry)),
        part('Get it and run it', ...gets(found, entry))),
      part('Timeline', timeline(found.entries)),
      part('Entries', ...entries(found, judged)),
      make('div', { class: 'columns' },
        part('Where it is', ...locations(found.entries)),
        holders(path, place.site, signal)),
      part('Checksums', checksums(entry)),
    ],
    concerns,
  };
}

/** The entry that speaks for the image: the newest that stands, or else the newest. */
function speaks(entries) {
  const newest = (some) => some.reduce((one, other) => (one && one.endorsed >= other.endorsed ? one : other), null);
  return newest(entries.filter((entry) => entry.status === 'current')) ?? newest(entries);
}

function refusing(judgement) {
  return judgement?.steps.find((step) => step.outcome === 'refused');
}

/** Whether it may be used here, in words. */
function banner(entry, judged) {
  if (judged?.allowed) return make('p', { class: 'verdict good' }, make('strong', {}, 'May be used here.'));
  if (entry.status === 'deprecated') {
    return make('p', { class: 'verdict bad' }, make('strong', {}, 'Must not be used: '),
      `${entry.endorser} has taken it back, because of ${quoted(entry.deprecated)}.`);
  }
  if (!judged) {
    return make('p', { class: 'verdict unknown' }, make('strong', {}, `${words.status(entry.status)}. `),
      words.meaning(entry.status), ' This site does not tell what its rules say: ask with ', make('code', {}, 'suq why'), '.');
  }
  const own = judged.entries.find((one) => one.content_id === entry.content_id) ?? judged.entries[0];
  return make('p', { class: 'verdict bad' }, make('strong', {}, 'Refused here: '), `${refusing(own)?.reason ?? 'no entry stands'}.`);
}

/** Who says otherwise: one endorser's word does not end another's. */
function warning(entry, entries) {
  const others = entries.filter((one) => one.status === 'deprecated' && one !== entry);
  if (entry.status === 'deprecated') return null;
  return others.map((one) => make('p', { class: 'verdict late' }, make('strong', {}, 'Beware: '),
    `${one.endorser} has taken it back, because of ${quoted(one.deprecated)}.`));
}

function quoted(text) {
  return `“${text}”`;
}

function onlyRefused(judged) {
  const refused = refusing(judged.entries[0]);
  return [
    make('p', { class: 'verdict bad' }, make('strong', {}, 'Refused here: '), `${refused?.reason ?? 'this site keeps it out'}.`),
    make('p', {}, 'What was said of this image is not in the catalogue of this site.'),
    part('What was refused', judged.entries.map((one) => refusedEntry(one, true))),
  ];
}

/** A document that is not in the catalogue: only its judgement is known. */
function refusedEntry(judgement, open) {
  return make('details', { class: 'entry', open },
    make('summary', {}, make('span', { class: 'badge deprecated' }, 'Not taken'), ' ',
      make('span', { class: 'grows' }, date(judgement.endorsed), ' by ', judgement.endorser), ' ',
      make('span', { class: 'bad' }, 'Refused')),
    steps(judgement));
}

function ports(list) {
  return list.map((port) => (port === 0 ? 'all' : port)).join(', ');
}

function others(list) {
  return list.map((other, at) => [at > 0 && ', ', IDENTIFIER.test(other) ? link(['image', other], other) : other]);
}

function described(entry) {
  return facts([
    ['System', words.system(entry)],
    ['Kind', [entry.kind, entry.type].filter(Boolean).join(', ')],
    ['Size', make('span', { title: `${words.number(entry.bytes)} bytes` }, words.bytes(entry.bytes))],
    ['Format', [entry.format, entry.compression && `compressed with ${entry.compression}`].filter(Boolean).join(', ')],
    ['Version', entry.version],
    ['Serial number', entry.serial_number],
    ['Tag', entry.tag],
    ['Hypervisor', entry.hypervisor],
    ['Disk bus', entry.disks_bus],
    ['Takes connections on', ports(entry.inbound_ports)],
    ['Connects to', ports(entry.outbound_ports)],
    ['ICMP types', entry.icmp.join(', ')],
    ['Made by', entry.creator],
    ['Published by', entry.publisher],
    ['Valid until', entry.valid && date(entry.valid)],
    ['Replaces', others(entry.replaces)],
    ['Replaced by', others(entry.is_replaced_by)],
    ['A version of', others(entry.is_version_of)],
  ]);
}

function gets(found, entry) {
  const file = entry.format === 'qcow2' ? 'disk.qcow2' : 'disk.raw';
  return [
    make('p', {}, 'At a site of the federation, judged by its rules and with every checksum compared:'),
    command(`suq get ${found.identifier} -o ${file}`, 'the command that fetches it'),
    found.blob && [
      make('p', {}, 'From this site by any HTTP client. No rules are asked: compare the checksums.'),
      command(`curl -f -C - -o ${file} ${location.origin}${found.blob}`, 'the command for curl'),
      make('p', {}, make('a', { href: found.blob, download: file }, `Download ${file}`), `, ${words.bytes(entry.bytes)}`),
    ],
    make('p', {}, 'To run it with the commands of StratusLab:'),
    command(`stratus-run-instance ${found.identifier}`, 'the command that runs it'),
  ];
}

function entries(found, judged) {
  const newest = [...found.entries].sort((one, other) => (one.endorsed < other.endorsed ? 1 : -1));
  const refused = judged?.entries.filter((one) => one.status === null) ?? [];
  const shown = newest.map((entry) => {
    const judgement = judged?.entries.find((one) => one.content_id === entry.content_id);
    const kind = judgement?.allowed ? 'good' : entry.status === 'superseded' ? 'quiet' : 'bad';
    const said = judgement && make('span', { class: kind }, judgement.allowed ? 'May be used' : 'Refused');
    return make('details', { class: 'entry' },
      make('summary', {}, badge(entry.status), ' ', make('span', { class: 'grows' }, date(entry.endorsed), ' by ', entry.endorser), ' ', said),
      entry.equivocation && make('p', { class: 'bad' }, 'Its endorser signed another document under the same key.'),
      entry.deprecated && make('p', {}, `Taken back because of ${quoted(entry.deprecated)}.`),
      facts([
        ['Title', entry.title],
        ['Description', entry.description],
        ['Endorser', link(['endorser', entry.endorser], entry.endorser)],
        ['Certificate', entry.subject],
        ['Issued by', make('ul', { class: 'plain' }, entry.issuers.map((issuer) => make('li', {}, issuer)))],
        ['Valid until', entry.valid && date(entry.valid)],
        ['First seen here', ago(entry.first_seen)],
        ['Came from', entry.from ? make('span', { title: entry.from }, `node ${words.peer(entry.from)}`) : 'published at this site'],
        ['Content id', make('code', {}, entry.content_id)],
        ['Pieces', entry.has_pieces ? 'each can be checked as it arrives' : 'only the whole can be checked'],
        ...entry.extensions.map((more) => [more.name, make('span', { title: more.namespace }, more.text)]),
      ]),
      make('p', {}, make('a', { href: `${entry.document}?media=xml`, download: true }, 'The signed document')),
      judgement && steps(judgement));
  });
  return [...shown, ...refused.map((one) => refusedEntry(one, false))];
}

/** The rules in the order in which they are asked; those that nobody has set in one line. */
function steps(judgement) {
  const unset = judgement.steps.filter((step) => step.outcome === 'not-set');
  const asked = judgement.steps.filter((step) => step.outcome !== 'not-set');
  const line = (step) => make('li', {},
    make('strong', { class: step.outcome === 'refused' ? 'bad' : 'good' }, step.outcome === 'refused' ? 'Refused' : 'Passed'),
    make('div', {}, make('div', {}, step.reason),
      make('div', { class: 'quiet' }, make('code', {}, step.rule), step.source && [', from ', make('code', {}, step.source)])));
  return [make('h3', {}, 'What the rules of this site say'),
    make('ol', { class: 'steps' }, asked.map(line)),
    unset.length > 0 && make('p', { class: 'quiet' }, `Not set here: ${unset.map((step) => step.rule).join(', ')}.`)];
}

function locations(entries) {
  const all = [...new Set(entries.flatMap((entry) => entry.locations))];
  if (all.length === 0) return [make('p', {}, 'No entry names a location.')];
  return [make('p', {}, 'As its endorsers say; nobody has looked what is there.'),
    make('ul', { class: 'plain' }, all.map((text) => make('li', {}, outside(text))))];
}

function checksums(entry) {
  const rows = Object.entries(entry.checksums).map(([algorithm, value]) =>
    [algorithm, make('code', {}, value), copies(value, `the ${algorithm}`)]);
  return table('Checksums of the uncompressed image', ['Algorithm', 'Value', 'Copy'], rows);
}

/** Who has its bytes: peers are asked, and that may take a moment. */
function holders(path, site, signal) {
  if (site?.tells_judgements === false) return null;
  const list = make('div', { 'aria-live': 'polite' }, make('p', { class: 'quiet' }, 'Peers are being asked…'));
  askIfTold(site, `${path}/holders`, signal).then((told) => {
    const names = [told?.here && 'this site', ...(told?.peers ?? []).map((peer) => make('code', { title: peer }, words.peer(peer)))];
    const items = names.filter(Boolean).map((name) => make('li', {}, name));
    list.replaceChildren(items.length > 0 ? make('ul', {}, items) : make('p', {}, 'Neither this site nor a connected peer.'));
  }).catch((error) => {
    if (!signal.aborted) list.replaceChildren(make('p', { class: 'bad' }, error.message));
  });
  return part('Who holds its bytes', list);
}
