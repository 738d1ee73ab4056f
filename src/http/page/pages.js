// Lists that come page by page: never more than a page is asked for.

import { make, say } from './elements.js';
import { words } from './words.js';

/**
 * Shows rows in `list`, and a button for more as long as there are any. `ask(after)` gives
 * `{ rows, next }`.
 */
export function pages(list, ask, row) {
  let next = null;
  const trouble = make('p', { role: 'alert' });
  const button = make('button', { type: 'button', hidden: true, click: more }, 'Show more');
  const element = make('div', { class: 'more' }, trouble, button);

  function put(page) {
    next = page.next;
    button.hidden = next === null;
    const rows = page.rows.map(row);
    list.append(...rows);
    return rows;
  }

  async function more() {
    button.disabled = true;
    trouble.textContent = '';
    const from = next;
    try {
      const page = await ask(from);
      // Another list may be shown by now.
      if (from !== next) return;
      const rows = put(page);
      say(`${words.number(rows.length)} more shown`);
      rows[0]?.querySelector('a, button, summary')?.focus();
    } catch (error) {
      trouble.textContent = error.message;
    } finally {
      button.disabled = false;
    }
  }

  /** Shows this page in the place of all others. */
  function first(page) {
    list.replaceChildren();
    trouble.textContent = '';
    put(page);
  }

  return { element, first };
}
