// This site among its peers.

import { ago, draw, facts, make, part, table } from './elements.js';
import { ask, askIfTold } from './node.js';
import { words } from './words.js';

// Peers that are drawn, and that the table shows: connected ones first.
const MAX_DRAWN = 40;
const MAX_ROWS = 500;

// How often the peers are asked for again while somebody looks, in milliseconds.
const AGAIN = 10_000;

const ROW = 46;
const EDGE = 16;

// Room for what is written beside a peer, in pixels.
const LABEL = 180;

// Below this width all peers are on one side.
const NARROW = 620;

export async function federation(place, signal) {
  const about = make('div');
  const picture = make('div', { class: 'picture' });
  const list = make('div');
  const alerts = make('div');
  let known = null;
  let width = 0;

  async function load() {
    const [site, told] = await Promise.all([ask('/site', signal), askIfTold(place.site, '/peers', signal)]);
    known = { site, peers: told && told.peers.sort(byWeight) };
    about.replaceChildren(described(site));
    if (site.alerts) alerts.replaceChildren(alerted(site.alerts));
    if (!told) return;
    if (width) paint();
    const rows = known.peers.slice(0, MAX_ROWS).map((peer) => [make('code', { title: peer.peer }, words.peer(peer.peer)),
      state(peer), freshness(peer), ago(peer.reconciled)]);
    // Who reads in the table is not disturbed: its cells say the same as before, mostly.
    const same = list.textContent === rows.flat().map((cell) => cell.textContent ?? cell).join('');
    if (!same) list.replaceChildren(table('Peers', ['Node', 'Connection', 'Catalogue', 'Reconciled'], rows));
  }

  function paint() {
    if (known?.peers) picture.replaceChildren(drawn(known.site, known.peers.slice(0, MAX_DRAWN), width));
  }

  const resized = new ResizeObserver(([{ contentRect }]) => {
    width = Math.round(contentRect.width);
    paint();
  });
  await load();
  resized.observe(picture);
  const timer = setInterval(() => {
    if (!document.hidden) load().catch(() => {});
  }, AGAIN);
  signal.addEventListener('abort', () => {
    clearInterval(timer);
    resized.disconnect();
  });
  const { peers } = known;
  return {
    title: known.site.federation ? `Federation ${known.site.federation}` : 'Federation',
    content: [
      about,
      peers && part('Peers', picture,
        peers.length > MAX_DRAWN && make('p', {}, `${MAX_DRAWN} of ${words.number(peers.length)} peers are drawn.`),
        make('details', { open: peers.length <= 12 }, make('summary', {}, 'The same as a table'), list)),
      !peers && make('p', {}, 'This site does not tell its peers.'),
      known.site.alerts && part('Alerts', alerts),
    ],
  };
}

function described(site) {
  const { documents } = site;
  return [
    !site.policy_works && make('p', { class: 'verdict bad' }, make('strong', {}, 'The policy of this site cannot be read: '), 'it refuses everything until that is repaired.'),
    facts([
      ['This site', site.name],
      ['Catalogue', words.count(documents.admitted, 'entry', 'entries')],
      ['Withdrawn', words.number(documents.withdrawn)],
      ['Refused', words.number(documents.refused + documents.untrusted)],
      ['Images in its store', words.number(site.blobs)],
      ['Connected peers', words.number(site.connected)],
      ['Reconciled', ago(site.reconciled)],
      ['Node', make('code', {}, site.peer)],
    ]),
  ].reduce((whole, element) => (element ? (whole.append(element), whole) : whole), document.createDocumentFragment());
}

function alerted(alerts) {
  if (alerts.length === 0) return make('p', {}, 'There are none.');
  return make('ol', { class: 'alerts', reversed: true }, [...alerts].reverse().map((text) => make('li', {}, text)));
}

function byWeight(one, other) {
  return other.connected - one.connected || (other.reconciled ?? '').localeCompare(one.reconciled ?? '') || one.peer.localeCompare(other.peer);
}

function state(peer) {
  if (peer.blocked) return 'kept out';
  return peer.connected ? 'connected' : 'not connected';
}

function freshness(peer) {
  return { fresh: 'fresh', stale: 'stale', never: 'never reconciled' }[words.freshness(peer.reconciled)];
}

/** The node in the middle and its peers around it, each with a row to itself. */
function drawn(site, peers, width) {
  const sides = width < NARROW ? 1 : 2;
  const rows = Math.max(3, Math.ceil(peers.length / sides));
  const height = rows * ROW + 2 * EDGE;
  const [middle, centre] = [height / 2, sides === 2 ? width / 2 : EDGE + 26];
  const reach = (sides === 2 ? width / 2 : width - centre) - LABEL - EDGE;
  const connected = peers.filter((peer) => peer.connected).length;
  const picture = draw('svg', { class: 'graph', width, height, viewBox: `0 0 ${width} ${height}`, role: 'img',
    'aria-label': `${site.name} with ${words.count(peers.length, 'peer')}, ${connected} connected. The table below says the same.` });
  const lines = draw('g');
  picture.append(lines);
  peers.forEach((peer, at) => {
    const [side, row] = [sides === 2 && at % 2 === 1 ? -1 : 1, Math.floor(at / sides)];
    const of = Math.ceil((peers.length - (side === -1 ? 1 : 0)) / sides) || 1;
    const y = middle + (row - (of - 1) / 2) * ROW;
    const bend = Math.sqrt(Math.max(0, 1 - ((y - middle) / (height / 2)) ** 2));
    const x = centre + side * reach * (0.45 + 0.55 * bend);
    const fresh = words.freshness(peer.reconciled);
    lines.append(draw('path', { class: `edge ${peer.connected ? 'open' : 'closed'}`,
      d: `M${centre} ${middle}Q${centre + (side * reach) / 3} ${y} ${x} ${y}` }));
    const anchor = side === 1 ? 'start' : 'end';
    picture.append(draw('g', {}, draw('title', {}, peer.peer),
      draw('circle', { class: `peer ${fresh}`, cx: x, cy: y, r: 9 }),
      draw('text', { x: x + side * 16, y: y - 3, 'text-anchor': anchor }, words.peer(peer.peer)),
      draw('text', { class: 'quiet', x: x + side * 16, y: y + 15, 'text-anchor': anchor }, told(peer, fresh))));
  });
  picture.append(draw('circle', { class: 'self', cx: centre, cy: middle, r: 26 }),
    draw('text', { class: 'name', x: sides === 2 ? centre : EDGE, y: middle + 46, 'text-anchor': sides === 2 ? 'middle' : 'start' }, site.name));
  return picture;
}

function told(peer, fresh) {
  if (peer.blocked) return 'kept out';
  const away = peer.connected ? '' : 'away, ';
  return away + (fresh === 'never' ? 'never reconciled' : `${fresh}, ${words.shortAgo(peer.reconciled)}`);
}
