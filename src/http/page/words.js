// How numbers, times and states are said.

const NUMBER = new Intl.NumberFormat('en');
const DATE = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' });
const DAY = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeZone: 'UTC' });
const AGE = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });

const SHORT_AGE = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' });

const MINUTE = 60_000;
const UNITS = [['year', 525_960], ['month', 43_830], ['day', 1440], ['hour', 60], ['minute', 1]];

// A catalogue is reconciled every few minutes: what is older than this has missed some.
const FRESH = 15 * MINUTE;

const STATUS = {
  current: ['Current', 'The latest of its endorser, neither expired nor deprecated.'],
  deprecated: ['Deprecated', 'The latest of its endorser, and it takes the image back.'],
  expired: ['Expired', 'The latest of its endorser, and its time has passed.'],
  superseded: ['Superseded', 'A newer entry of the same endorser stands.'],
  withdrawn: ['Withdrawn', "This site's rules no longer allow it."],
};

function age(at, format) {
  const minutes = (new Date(at) - Date.now()) / MINUTE;
  const [unit, length] = UNITS.find(([, length]) => Math.abs(minutes) >= length) ?? [];
  return unit ? format.format(Math.trunc(minutes / length), unit) : 'just now';
}

export const words = {
  /** All statuses, in the order in which they matter. */
  statuses: Object.keys(STATUS),

  status: (status) => STATUS[status]?.[0] ?? status,

  meaning: (status) => STATUS[status]?.[1],

  number: (number) => NUMBER.format(number),

  /** A number of things; the plural is made with an s unless it is given. */
  count: (number, one, many = `${one}s`) => `${NUMBER.format(number)} ${number === 1 ? one : many}`,

  bytes(bytes) {
    const units = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'];
    const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
    const value = bytes / 1000 ** power;
    return `${value.toLocaleString('en', { maximumSignificantDigits: power ? 3 : 20 })} ${units[power]}`;
  },

  date: (at) => `${DATE.format(new Date(at))} UTC`,

  day: (at) => DAY.format(new Date(at)),

  ago: (at) => age(at, AGE),

  shortAgo: (at) => age(at, SHORT_AGE),

  /** How fresh what was reconciled then is: fresh, stale or never. */
  freshness: (at) => (!at ? 'never' : Date.now() - new Date(at) <= FRESH ? 'fresh' : 'stale'),

  /** The end of a node's name: all of them begin alike. */
  peer: (peer) => `…${peer.slice(-8)}`,

  /** What an image runs, in one line. */
  system: (entry) => [entry.os, entry.os_version, entry.os_arch].filter(Boolean).join(' '),

  /** What an image is called. */
  title: (entry) => entry.title || words.system(entry) || entry.identifier,
};
