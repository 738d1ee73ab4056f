// Signed manifests, sent by hand.

import { link, make } from './elements.js';
import { Problem, send, whyRefused } from './node.js';
import { words } from './words.js';

// What a node takes: 256 KiB.
const MAX_BYTES = 256 * 1024;

// Files that are taken at once: a node takes a hundred, then one a second.
const MAX_FILES = 100;

export async function upload(place, signal) {
  const results = make('ol', { class: 'results', 'aria-live': 'polite', 'aria-label': 'Results' });
  const input = make('input', { type: 'file', id: 'files', multiple: true, accept: '.xml,.rdf,application/xml,application/rdf+xml',
    change: () => take(input.files) });
  const zone = make('div', { class: 'zone' },
    make('p', {}, make('strong', {}, 'Drop signed manifests here')),
    make('p', {}, make('label', { for: 'files' }, 'or choose files')), input);
  const heading = make('h2', { hidden: true }, 'Results');
  let waiting = Promise.resolve();

  function take(files) {
    const taken = [...files].slice(0, MAX_FILES);
    if (files.length > MAX_FILES) {
      put(`${words.number(files.length - MAX_FILES)} more files`, 'bad', `Not sent: ${MAX_FILES} are sent at once. Drop the others later.`);
    }
    for (const file of taken) {
      const line = put(file.name, 'under-way', 'Sending…');
      // One after the other, in the order in which they are shown.
      waiting = waiting.then(() => one(place.site, file)).then(({ kind, said }) => tell(line, file.name, kind, said));
    }
    input.value = '';
  }

  function put(name, kind, said) {
    const line = make('li');
    tell(line, name, kind, said);
    results.append(line);
    heading.hidden = false;
    return line;
  }

  // Files that miss the zone must not take the place of the page.
  const over = (event) => {
    event.preventDefault();
    zone.classList.toggle('over', zone.contains(event.target));
  };
  addEventListener('dragover', over, { signal });
  addEventListener('dragleave', () => zone.classList.remove('over'), { signal });
  addEventListener('drop', (event) => {
    event.preventDefault();
    zone.classList.remove('over');
    if (zone.contains(event.target)) take(event.dataTransfer.files);
  }, { signal });

  return {
    title: 'Upload',
    content: [
      make('p', {}, 'A signed manifest is its own proof: this site looks at its signature and at its own rules, and passes it on to the federation.'),
      zone,
      make('p', {}, 'Manifests are made with ', make('code', {}, 'suq metadata build'), ' and signed with ',
        make('code', {}, 'suq metadata sign'), '. Keys never leave your machine.'),
      heading,
      results,
    ],
  };
}

function tell(line, name, kind, said) {
  line.className = kind;
  line.replaceChildren(make('strong', {}, name), make('span', {}, ' ', said));
}

async function one(site, file) {
  if (file.size === 0) return { kind: 'bad', said: 'Not sent: the file is empty, or a folder.' };
  if (file.size > MAX_BYTES) {
    return { kind: 'bad', said: `Not sent: it has ${words.bytes(file.size)}, a manifest has at most 256 KiB. Is it the image itself?` };
  }
  try {
    const { waits, identifier, text } = await send(file);
    if (waits) return { kind: 'waits', said: `Waiting: ${text}.` };
    return { kind: 'good', said: ['Taken: it is in the catalogue. ', identifier && link(['image', identifier], 'Show the image')] };
  } catch (error) {
    if (!(error instanceof Problem)) return { kind: 'bad', said: `Not sent: ${error.message}` };
    const why = error.status === 403 ? await whyRefused(site, await file.text()) : null;
    if (!why) return { kind: 'bad', said: `Not taken: ${error.message}.` };
    return { kind: 'bad', said: [`Refused by this site: ${why.reason}. `, link(['image', why.identifier], 'Every rule')] };
  }
}
