// What this site did not take, and why.

import { ago, facts, link, make } from './elements.js';
import { ask, askIfTold } from './node.js';
import { pages } from './pages.js';
import { words } from './words.js';

const PAGE = 50;

export async function refusals(place, signal) {
  const title = 'Refusals';
  const first = await askIfTold(place.site, `/refusals?limit=${PAGE}`, signal);
  if (!first) return { title, content: make('p', {}, 'This site does not tell what it refuses.') };
  const load = async (after) => {
    const page = await ask(`/refusals?limit=${PAGE}&after=${encodeURIComponent(after)}`, signal);
    return { rows: page.refusals, next: page.next };
  };
  const list = make('ol', { class: 'entries' });
  const shown = pages(list, load, row);
  shown.first({ rows: first.refusals, next: first.next });
  const numbers = place.site?.documents;
  return {
    title,
    content: [
      make('p', {}, 'Documents that were signed as they should be, and that the rules of this site keep out.'),
      numbers && facts([
        ['Refused by the policy', words.number(numbers.refused)],
        ['Signer not trusted here', words.number(numbers.untrusted)],
      ]),
      first.refusals.length === 0 && make('p', {}, 'Nothing was refused.'),
      list,
      shown.element,
    ],
  };
}

function row(refusal) {
  return make('li', { class: 'entry' },
    make('div', { class: 'head' }, make('h2', {}, link(['image', refusal.identifier], refusal.identifier)),
      make('span', { class: 'badge deprecated' }, refusal.untrusted ? 'Not trusted' : 'Refused')),
    make('p', {}, refusal.reason),
    facts([
      ['Rule', make('code', {}, refusal.rule)],
      ['Endorser', refusal.endorser],
      ['Endorsed', ago(refusal.endorsed)],
      ['Last offered', ago(refusal.last_offered)],
    ]));
}
