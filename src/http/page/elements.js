// Elements are made here and nowhere else. Strangers write the manifests: whatever one says
// becomes text, and becomes a link only through `outside`.

import { words } from './words.js';

const SVG = 'http://www.w3.org/2000/svg';

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** An HTML element; a function among the attributes listens to the event of that name. */
export function make(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** An SVG element. */
export function draw(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

/** A link to a view of this page. */
export function link(parts, text, attributes = {}) {
  return make('a', { href: address(parts), ...attributes }, text);
}

/** The address of a view. */
export function address(parts, parameters = '') {
  const query = parameters.toString();
  return `#/${parts.map(encodeURIComponent).join('/')}${query ? `?${query}` : ''}`;
}

/** A location of a manifest: a link when it is one of the web, text when it is anything else. */
export function outside(text) {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || !['http:', 'https:'].includes(url.protocol)) return make('span', {}, text);
  return make('a', { href: url.href, rel: 'noreferrer noopener' }, text);
}

/** A point in time: how long ago, with the date behind it. */
export function ago(at) {
  if (!at) return 'never';
  return make('time', { datetime: at, title: words.date(at) }, words.ago(at));
}

/** A point in time as a date. */
export function date(at) {
  return at ? make('time', { datetime: at }, words.date(at)) : '–';
}

/** A table that scrolls by itself where it is too wide; cells may be elements. */
export function table(caption, headings, rows) {
  const row = (cells) => make('tr', {}, cells.map((cell, at) =>
    at === 0 ? make('th', { scope: 'row' }, cell) : make('td', {}, cell)));
  return make('div', { class: 'scrolls', role: 'region', 'aria-label': caption, tabindex: 0 },
    make('table', {},
      make('caption', { class: 'unseen' }, caption),
      make('thead', {}, make('tr', {}, headings.map((heading) => make('th', { scope: 'col' }, heading)))),
      make('tbody', {}, rows.map(row))));
}

/** Names with what they are; those without a value are left out. */
export function facts(pairs) {
  const isThere = ([, value]) => value !== null && value !== undefined && value !== '' && value.length !== 0;
  return make('dl', { class: 'facts' }, pairs.filter(isThere).map(([name, value]) =>
    make('div', {}, make('dt', {}, name), make('dd', {}, value))));
}

/** A part of a view with its heading. */
export function part(title, ...children) {
  return make('section', {}, make('h2', {}, title), children);
}

/** A button that copies a text, also where a browser gives pages no clipboard (plain HTTP). */
export function copies(text, what) {
  const button = make('button', { type: 'button', class: 'small', 'aria-label': `Copy ${what}` }, 'Copy');
  button.addEventListener('click', async () => {
    const done = await navigator.clipboard?.writeText(text).then(() => true, () => false) || byHand(text);
    button.textContent = done ? 'Copied' : 'Not copied';
    say(done ? `Copied ${what}` : `The browser does not let this page copy ${what}`);
    button.focus();
  });
  return button;
}

function byHand(text) {
  const field = make('textarea', { class: 'unseen', readonly: true }, text);
  document.body.append(field);
  field.select();
  const done = document.execCommand('copy');
  field.remove();
  return done;
}

/** A command to be typed, with a button that copies it. */
export function command(text, what) {
  return make('div', { class: 'command' }, make('code', {}, text), copies(text, what));
}

/** Says it to who listens to the page. */
export function say(text) {
  const spoken = document.getElementById('spoken') ??
    document.body.appendChild(make('div', { id: 'spoken', class: 'unseen', 'aria-live': 'polite' }));
  spoken.textContent = text;
}

const SHAPES = {
  current: () => draw('circle', { r: 7 }),
  superseded: () => draw('circle', { r: 6, class: 'hollow' }),
  expired: () => draw('path', { d: 'M-7-6H7L0 7z', class: 'hollow' }),
  deprecated: () => draw('path', { d: 'M-6-6L6 6M6-6L-6 6', class: 'hollow thick' }),
  withdrawn: () => draw('path', { d: 'M-6-6H6V6H-6zM-6 6L6-6', class: 'hollow' }),
};

/** The mark of a status: each has a shape of its own. */
export function mark(status, x, y, title) {
  const shape = (SHAPES[status] ?? SHAPES.current)();
  return draw('g', { class: `mark ${status}`, transform: `translate(${x} ${y})` },
    title ? draw('title', {}, title) : null, shape);
}

/** A status as a mark and a word. */
export function badge(status) {
  const icon = draw('svg', { viewBox: '-10 -10 20 20', width: 16, height: 16, 'aria-hidden': 'true' }, mark(status, 0, 0));
  return make('span', { class: `badge ${status}`, title: words.meaning(status) }, icon, words.status(status));
}
