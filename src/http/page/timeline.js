// All that was said of an image, drawn over time: a lane for each endorser, a mark for each
// entry, a bar for as long as it stands. The table beside it says the same.

import { badge, date, draw, make, mark, table } from './elements.js';
import { words } from './words.js';

// What is drawn; the table has everything.
const MAX_LANES = 20;
const MAX_MARKS = 60;

const HEAD = 22;
const LANE = 56;
const EDGE = 14;
const FOOT = 30;

// Room for a date at a tick, in pixels.
const TICK = 130;

// Marks that would cover each other stand this far apart.
const APART = 15;

const DAY = 86_400_000;

export function timeline(entries) {
  const lanes = Map.groupBy(entries, (entry) => entry.endorser);
  const used = words.statuses.filter((status) => entries.some((entry) => entry.status === status));
  const picture = make('div', { class: 'picture' });
  const said = `${words.count(entries.length, 'entry', 'entries')} by ${words.count(lanes.size, 'endorser')}`;
  // As wide as there is room, so that text keeps its size.
  let width = 0;
  new ResizeObserver(([{ contentRect }]) => {
    if (Math.round(contentRect.width) === width) return;
    width = Math.round(contentRect.width);
    picture.replaceChildren(drawn([...lanes].slice(0, MAX_LANES), width, said));
  }).observe(picture);
  const rows = entries.map((entry) => [date(entry.endorsed), entry.endorser, badge(entry.status),
    entry.valid ? date(entry.valid) : 'no end', entry.deprecated ?? '–']);
  return [
    picture,
    make('ul', { class: 'legend', 'aria-label': 'Marks' }, used.map((status) => make('li', {}, badge(status), ' ', words.meaning(status)))),
    lanes.size > MAX_LANES && make('p', {}, `${words.number(lanes.size - MAX_LANES)} more endorsers are in the table.`),
    make('details', {}, make('summary', {}, 'The same as a table'),
      table('Timeline', ['Endorsed', 'Endorser', 'Status', 'Valid until', 'Taken back because of'], rows)),
  ];
}

/** From the first entry to now, and on to where entries end, unless that is very far. */
function span(entries, now) {
  const start = Math.min(...entries.map((entry) => Date.parse(entry.endorsed)));
  const ends = entries.map((entry) => Date.parse(entry.valid ?? entry.endorsed));
  const far = now + Math.max(now - start, 30 * DAY);
  const end = Math.max(now, ...ends.map((end) => Math.min(end, far)));
  const room = Math.max(end - start, DAY) / 25;
  return [start - room, end + room];
}

function drawn(lanes, width, said) {
  const now = Date.now();
  const [start, end] = span(lanes.flatMap(([, entries]) => entries), now);
  const x = (at) => EDGE + ((at - start) / (end - start)) * (width - 2 * EDGE);
  const height = HEAD + lanes.length * LANE + FOOT;
  const picture = draw('svg', { class: 'timeline', width, height, viewBox: `0 0 ${width} ${height}`, role: 'img',
    'aria-label': `Timeline: ${said}. The table below says the same.` });
  const ticks = Math.max(1, Math.floor(width / TICK));
  for (let tick = 0; tick < ticks; tick += 1) {
    const at = start + ((end - start) * (tick + 0.5)) / ticks;
    picture.append(draw('line', { class: 'tick', x1: x(at), x2: x(at), y1: 0, y2: height - FOOT }),
      draw('text', { class: 'quiet', x: x(at), y: height - 9, 'text-anchor': 'middle' }, words.day(at)));
  }
  picture.append(draw('line', { class: 'now', x1: x(now), x2: x(now), y1: 0, y2: height - FOOT }),
    draw('text', { class: 'quiet', x: x(now) + (x(now) > width - 60 ? -6 : 6), y: 17, 'text-anchor': x(now) > width - 60 ? 'end' : 'start' }, 'now'));
  lanes.forEach(([endorser, entries], at) => lane(picture, endorser, entries.slice(-MAX_MARKS), HEAD + at * LANE, x, width));
  return picture;
}

function lane(picture, endorser, entries, top, x, width) {
  const middle = top + 34;
  picture.append(draw('line', { class: 'lane', x1: EDGE, x2: width - EDGE, y1: middle, y2: middle }),
    draw('text', { x: EDGE, y: top + 14 }, endorser));
  let least = 0;
  entries.forEach((entry, at) => {
    const made = Date.parse(entry.endorsed);
    const place = Math.min(Math.max(x(made), least), width - EDGE);
    least = place + APART;
    const until = bar(entry, entries[at + 1]);
    if (until > made) {
      // One without an end fades out at the edge.
      const right = Math.min(until === Infinity ? width : x(until), width);
      picture.append(draw('rect', { class: `bar ${entry.status}`, x: place, y: middle - 4, width: Math.max(0, right - place), height: 8, rx: 4 }));
    }
    const tells = `${words.status(entry.status)}, endorsed ${words.date(made)}${entry.valid ? `, valid until ${words.date(entry.valid)}` : ''}`;
    picture.append(mark(entry.status, place, middle, tells));
  });
}

/** Until when an entry stood, or will: its end, or the next of its endorser. */
function bar(entry, next) {
  if (entry.deprecated) return 0;
  const valid = entry.valid ? Date.parse(entry.valid) : Infinity;
  return Math.min(valid, next ? Date.parse(next.endorsed) : Infinity);
}
