// Which view is shown, by the address; and what surrounds all of them.

import { make } from './elements.js';
import { ask } from './node.js';
import { words } from './words.js';
import { follow } from './live.js';
import { search } from './search.js';
import { image } from './image.js';
import { endorser, endorsers } from './endorsers.js';
import { federation } from './federation.js';
import { refusals } from './refusals.js';
import { upload } from './upload.js';

// A view is a function of the place and of a signal that ends it. It gives its `title`, its
// `content`, and, if it wants, `update(place)` for other places of the same view and
// `concerns(change)` for what its reader should hear of.
const VIEWS = { search, image, endorsers, endorser, federation, refusals, upload };

const main = document.getElementById('main');
const news = document.getElementById('news');
const trouble = document.getElementById('trouble');

let site = null;
let shown = null;
let ending = new AbortController();
let missed = { entries: 0, deprecations: 0, withdrawals: 0 };

// Where each place was scrolled to, for who comes back.
const scrolled = new Map();
let followedLink = false;

function place() {
  const [path, query = ''] = location.hash.replace(/^#\/?/, '').split('?');
  let parts = [''];
  try {
    parts = path.split('/').map(decodeURIComponent);
  } catch {
    // What somebody typed wrong leads to the first view.
  }
  const name = Object.hasOwn(VIEWS, parts[0]) ? parts[0] : 'search';
  return { name, hash: location.hash, parts: parts.slice(1), parameters: new URLSearchParams(query), site };
}

async function show({ focus = true, again = false } = {}) {
  const here = place();
  const isBack = !followedLink;
  followedLink = false;
  hearNothing();
  if (shown) scrolled.set(shown.hash, scrollY);
  if (!again && shown?.name === here.name && shown.view.update) {
    shown.hash = here.hash;
    return shown.view.update(here);
  }
  ending.abort();
  ending = new AbortController();
  const { signal } = ending;
  main.setAttribute('aria-busy', 'true');
  let view;
  try {
    view = await VIEWS[here.name](here, signal);
  } catch (error) {
    if (signal.aborted) return;
    view = failure(error);
  }
  if (signal.aborted) return;
  shown = { name: here.name, hash: here.hash, view };
  const heading = make('h1', { tabindex: -1 }, view.title);
  main.replaceChildren(heading, ...[view.content].flat(9).filter(Boolean));
  main.removeAttribute('aria-busy');
  document.title = [view.title, site?.name, 'suq'].filter(Boolean).join(' · ');
  for (const link of document.querySelectorAll('nav [data-view]')) {
    const isHere = link.dataset.view.split(' ').includes(here.name);
    if (isHere) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  if (focus) heading.focus({ preventScroll: true });
  if (focus && !again) scrollTo(0, isBack ? scrolled.get(here.hash) ?? 0 : 0);
}

function failure(error) {
  const isMissing = error.status === 404;
  const retry = () => show({ again: true });
  return {
    title: isMissing ? 'There is no such thing' : 'That did not work',
    failed: true,
    content: [
      make('p', { role: 'alert' }, error.message),
      isMissing ? make('p', {}, make('a', { href: '#/search' }, 'Search the catalogue'))
        : make('button', { type: 'button', click: retry }, 'Try again'),
    ],
  };
}

/** Says what changed, and leaves what somebody reads where it is. */
function hear(change) {
  const kind = change.became === 'withdrawn' ? 'withdrawals' : change.deprecates ? 'deprecations' : 'entries';
  missed[kind] += 1;
  const said = [
    missed.entries && words.count(missed.entries, 'new entry', 'new entries'),
    missed.deprecations && words.count(missed.deprecations, 'deprecation'),
    missed.withdrawals && words.count(missed.withdrawals, 'withdrawal'),
  ].filter(Boolean).join(', ');
  const button = make('button', { type: 'button', click: () => show({ again: true }) }, 'Show');
  news.replaceChildren(make('div', { class: 'notice' }, make('span', {}, said), button));
}

function hearNothing() {
  missed = { entries: 0, deprecations: 0, withdrawals: 0 };
  news.replaceChildren();
}

function reached(isReached) {
  document.getElementById('live').textContent = isReached ? 'Live' : 'Not connected';
  const said = 'The node cannot be reached. What is shown may be old; the page tries again by itself.';
  const wasLost = trouble.hasChildNodes();
  if (isReached === !wasLost) return;
  trouble.replaceChildren(...(isReached ? [] : [make('div', { class: 'notice bad' }, said)]));
  if (isReached) introduce();
  if (isReached && shown?.view.failed) show({ again: true });
}

async function introduce() {
  site = await ask('/site').catch(() => site);
  if (!site) return;
  document.getElementById('site').textContent = [site.name, site.federation].filter(Boolean).join(' in ');
  document.getElementById('about').textContent =
    `${site.name} · suq ${site.version} · ${words.count(site.documents.admitted, 'entry', 'entries')}`;
  document.getElementById('to-refusals').hidden = !site.tells_judgements;
}

document.getElementById('skip').addEventListener('click', (event) => {
  event.preventDefault();
  main.querySelector('h1')?.focus();
});
document.addEventListener('click', (event) => {
  if (event.target.closest?.('a')) followedLink = true;
});
addEventListener('hashchange', () => show());
history.scrollRestoration = 'manual';
await introduce();
follow((change) => {
  if (shown?.view.concerns?.(change)) hear(change);
}, reached);
await show({ focus: false });
