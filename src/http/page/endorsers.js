// Who endorses, and what.

import { ago, facts, link, make, table } from './elements.js';
import { ask } from './node.js';
import { pages } from './pages.js';
import { row } from './search.js';
import { words } from './words.js';

// Rows of the table that are shown at once.
const ROWS = 100;

const PAGE = 30;

export async function endorsers(place, signal) {
  const { total, endorsers: all } = await ask('/endorsers', signal);
  const cells = (one) => [link(['endorser', one.endorser], one.endorser), words.number(one.entries),
    words.number(one.current), words.number(one.deprecated), ago(one.newest)];
  const whole = table('Endorsers', ['Endorser', 'Entries', 'Current', 'Deprecated', 'Newest entry'], []);
  whole.firstChild.classList.add('numbers');
  const body = whole.querySelector('tbody');
  // The node gives them all at once; a page of them is drawn.
  const slice = (from) => ({ rows: all.slice(from, from + ROWS), next: from + ROWS < all.length ? from + ROWS : null });
  const shown = pages(body, async (from) => slice(from), (one) => make('tr', {}, cells(one).map((cell, at) =>
    at === 0 ? make('th', { scope: 'row' }, cell) : make('td', {}, cell))));
  shown.first(slice(0));
  const said = total > all.length ? `The ${words.number(all.length)} of ${words.number(total)} with the most entries.`
    : `${words.count(total, 'endorser')} ${total === 1 ? 'has' : 'have'} signed what is in this catalogue.`;
  return {
    title: 'Endorsers',
    content: [make('p', {}, said), total > 0 && whole, shown.element],
    concerns: () => true,
  };
}

export async function endorser(place, signal) {
  const [email = ''] = place.parts;
  const parameters = new URLSearchParams({ endorser: email, status: 'all', limit: PAGE });
  const load = async (after) => {
    const page = await ask(`/entries?${parameters}${after ? `&after=${encodeURIComponent(after)}` : ''}`, signal);
    return { ...page, rows: page.entries };
  };
  const [first, all] = await Promise.all([load(null), ask('/endorsers', signal)]);
  const one = all.endorsers.find((one) => one.endorser === email);
  const list = make('ol', { class: 'entries' });
  const shown = pages(list, load, row);
  shown.first(first);
  return {
    title: email,
    content: [
      one && facts([
        ['Certificate', make('ul', { class: 'plain' }, one.subjects.map((subject) => make('li', {}, subject)))],
        ['Entries', words.number(one.entries)],
        ['Current', words.number(one.current)],
        ['Deprecated', words.number(one.deprecated)],
        ['Newest entry', ago(one.newest)],
      ]),
      make('h2', {}, 'Entries, newest first'),
      first.total === 0 && make('p', {}, 'This catalogue has no entry of this endorser.'),
      list,
      shown.element,
    ],
    concerns: (change) => change.endorser === email,
  };
}
