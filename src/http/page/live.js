// What changes while somebody looks.

import { ask } from './node.js';

// Beyond every change: the answer only says which was the last.
const BEYOND = Number.MAX_SAFE_INTEGER;

// How long a node that takes nobody more is left in peace, in milliseconds.
const PAUSE = 10_000;

/**
 * Calls `changed` with each change of the catalogue, and `reached` with whether the node can be
 * reached. A page that nobody sees lets go of its connection, and hears later what it missed.
 */
export function follow(changed, reached) {
  let events = null;
  let last = null;
  let again = 0;

  function open() {
    clearTimeout(again);
    if (events || document.hidden) return;
    start().catch(failed);
  }

  async function start() {
    last ??= (await ask(`/changes?limit=1&after=${BEYOND}`)).last;
    if (events || document.hidden) return;
    events = new EventSource(`/api/v1/changes?after=${last}`);
    events.addEventListener('open', () => reached(true));
    events.addEventListener('change', (event) => {
      last = Number(event.lastEventId);
      changed(JSON.parse(event.data));
    });
    // The browser tries again by itself, unless the node said no.
    events.addEventListener('error', () => {
      reached(false);
      if (events?.readyState === EventSource.CLOSED) failed();
    });
  }

  function failed() {
    close();
    reached(false);
    again = setTimeout(open, PAUSE);
  }

  function close() {
    clearTimeout(again);
    events?.close();
    events = null;
  }

  document.addEventListener('visibilitychange', () => (document.hidden ? close() : open()));
  addEventListener('pagehide', close);
  addEventListener('pageshow', open);
  open();
}
