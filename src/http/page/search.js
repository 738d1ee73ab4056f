// Search, with counts by which to narrow it.

import { address, ago, badge, facts, link, make } from './elements.js';
import { ask } from './node.js';
import { pages } from './pages.js';
import { words } from './words.js';

// How long somebody who types is waited for, in milliseconds.
const PAUSE = 200;

const PAGE = 30;

// Values of a facet that are shown at once; the others are behind a word.
const SHOWN_VALUES = 8;

const FACETS = { os: 'System', arch: 'Architecture', kind: 'Kind', endorser: 'Endorser' };
const FILTERS = { ...FACETS, os_version: 'System version', tag: 'Tag' };

export async function search(place, signal) {
  let asked = wanted(place.parameters);
  let abort = new AbortController();
  let timer = 0;

  const field = make('input', { type: 'search', id: 'words', autocomplete: 'off', spellcheck: 'false', input: typed,
    'aria-describedby': 'hint' });
  const status = make('select', { id: 'status', change: chosen },
    ['current', ...words.statuses.slice(1), 'all'].map((name) =>
      make('option', { value: name }, name === 'all' ? 'All entries' : words.status(name))));
  const form = make('form', { role: 'search', class: 'search', submit: submitted },
    make('div', { class: 'field grows' }, make('label', { for: 'words' }, 'Search'), field),
    make('div', { class: 'field' }, make('label', { for: 'status' }, 'Status'), status),
    make('p', { id: 'hint', class: 'quiet' },
      'Words, or how they begin, in title, description, system, tag, endorser or identifier.'));
  const summary = make('p', { class: 'summary', role: 'status', tabindex: -1 });
  const chips = make('ul', { class: 'chips', 'aria-label': 'Filters in use' });
  // On a narrow page what is found comes before by what to narrow it.
  const facets = make('details', { class: 'facets', open: matchMedia('(min-width: 50rem)').matches });
  const list = make('ol', { class: 'entries' });
  const shown = pages(list, (after) => load(after), row);

  function typed() {
    clearTimeout(timer);
    timer = setTimeout(() => go('words', field.value.trim()), PAUSE);
  }

  function chosen() {
    go('status', status.value === 'current' ? '' : status.value);
  }

  function submitted(event) {
    event.preventDefault();
    clearTimeout(timer);
    go('words', field.value.trim());
  }

  /** What is typed is a place of its own, but not one to come back to letter by letter. */
  function go(name, value) {
    asked = changed(asked, name, value);
    history.replaceState(null, '', address(['search'], asked));
    return run();
  }

  async function load(after) {
    const parameters = new URLSearchParams(asked);
    parameters.set('limit', PAGE);
    if (after) parameters.set('after', after);
    const page = await ask(`/entries?${parameters}`, after ? signal : abort.signal);
    return { ...page, rows: page.entries };
  }

  async function run() {
    // An answer that comes too late is for another question.
    abort.abort();
    abort = new AbortController();
    const mine = abort;
    try {
      const found = await load(null);
      if (!mine.signal.aborted) put(found);
    } catch (error) {
      if (mine.signal.aborted || signal.aborted) return;
      summary.textContent = error.message;
    }
  }

  function put(found) {
    const filters = Object.keys(FILTERS).filter((name) => asked.get(name));
    summary.textContent = told(found, asked);
    chips.replaceChildren(...filters.map((name) => make('li', {},
      narrowed(changed(asked, name, ''), `${FILTERS[name]}: ${asked.get(name)}`, { class: 'chip' },
        make('span', { 'aria-hidden': 'true' }, ' ✕'), make('span', { class: 'unseen' }, ', remove')))));
    const groups = Object.keys(FACETS).filter((name) => !asked.get(name) && found.counts[name]?.length);
    facets.replaceChildren(make('summary', {}, 'Narrow it'), ...groups.map((name) => facet(name, found.counts[name], asked)));
    facets.hidden = groups.length === 0;
    shown.first({ ...found, rows: found.entries });
    if (found.total === 0) list.append(make('li', { class: 'empty' }, advice(asked, place.site)));
  }

  function update(there) {
    const focused = document.activeElement;
    asked = wanted(there.parameters);
    if (focused !== field) field.value = asked.get('words') ?? '';
    status.value = asked.get('status') ?? 'current';
    // The link that was followed may be gone: what it led to is told instead.
    return run().then(() => focused.isConnected && focused !== document.body ? null : summary.focus());
  }

  signal.addEventListener('abort', () => {
    clearTimeout(timer);
    abort.abort();
  });
  field.value = asked.get('words') ?? '';
  status.value = asked.get('status') ?? 'current';
  put(await load(null));
  return {
    title: 'Images',
    content: [form, make('div', { class: 'beside' }, facets, make('div', {}, chips, summary, list, shown.element))],
    update,
    concerns: () => true,
  };
}

function wanted(parameters) {
  const asked = new URLSearchParams();
  for (const name of ['words', 'status', ...Object.keys(FILTERS)]) {
    if (parameters.get(name)) asked.set(name, parameters.get(name));
  }
  return asked;
}

function changed(asked, name, value) {
  const other = new URLSearchParams(asked);
  if (value) other.set(name, value);
  else other.delete(name);
  return other;
}

function narrowed(asked, text, attributes, ...more) {
  return make('a', { href: address(['search'], asked), ...attributes }, text, more);
}

function told(found, asked) {
  const status = asked.get('status') ?? 'current';
  const kind = status === 'all' ? '' : `${words.status(status).toLowerCase()} `;
  return words.count(found.total, `${kind}entry`, `${kind}entries`);
}

function facet(name, counts, asked) {
  const item = ({ value, count }) => make('li', {},
    narrowed(changed(asked, name, value), breakable(value), { 'data-facet': name },
      make('span', { class: 'count' }, ` ${words.number(count)}`, make('span', { class: 'unseen' }, ' entries'))));
  const [most, rest] = [counts.slice(0, SHOWN_VALUES), counts.slice(SHOWN_VALUES)];
  return make('section', {}, make('h2', {}, FACETS[name]), make('ul', {}, most.map(item)),
    rest.length > 0 && make('details', {}, make('summary', {}, `${words.count(rest.length, 'other')}`), make('ul', {}, rest.map(item))));
}

/** An address breaks at its @, if anywhere. */
function breakable(text) {
  return make('span', {}, text.split('@').flatMap((piece, at) => (at > 0 ? ['@', make('wbr'), piece] : [piece])));
}

function advice(asked, site) {
  const tries = [];
  if (asked.get('words')?.includes(' ')) tries.push('fewer words: each of them must occur');
  else if (asked.get('words')) tries.push('the beginning of a word');
  if (Object.keys(FILTERS).some((name) => asked.get(name))) tries.push('without the filters above');
  if (asked.get('status') !== 'all') tries.push('the status “All entries”, which also finds what was taken back');
  if (asked.size === 0 && site?.documents.admitted === 0) {
    return make('p', {}, 'This catalogue is empty. ', link(['upload'], 'Upload a signed manifest'),
      ', or let this site join a federation (suq join).');
  }
  return [make('p', {}, 'Nothing fits. Try:'), make('ul', {}, tries.map((text) => make('li', {}, text)))];
}

/** An entry in a list. */
export function row(entry) {
  return make('li', { class: 'entry' },
    make('div', { class: 'head' }, make('h2', {}, link(['image', entry.identifier], words.title(entry))), badge(entry.status)),
    entry.deprecated && make('p', { class: 'bad' }, `Taken back: ${entry.deprecated}`),
    entry.description && make('p', { class: 'short' }, entry.description),
    facts([
      ['System', words.system(entry)],
      ['Kind', [entry.kind, entry.format].filter(Boolean).join(', ')],
      ['Size', words.bytes(entry.bytes)],
      ['Endorsed', [ago(entry.endorsed), ' by ', link(['endorser', entry.endorser], entry.endorser)]],
      ['Tag', entry.tag],
      ['Bytes', entry.blob_here ? 'at this site' : null],
    ]));
}
