// What the node is asked.

/** Why it did not answer as it was asked to. */
export class Problem extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** An answer in JSON of the interface for programs. */
export async function ask(path, signal) {
  let response;
  try {
    response = await fetch(`/api/v1${path}`, { signal });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Problem(0, 'The node cannot be reached. Is it running, and is there a network?');
  }
  const answer = await response.json().catch(() => null);
  if (response.ok && answer !== null) return answer;
  const { title, detail } = answer ?? {};
  const said = title ? [title, detail] : [`The node answers ${response.status}`];
  throw new Problem(response.status, `${said.filter(Boolean).join(': ')}.`);
}

/** The same, of what a site tells only when it wants to; nothing when it does not, or there is nothing. */
export async function askIfTold(site, path, signal) {
  if (site?.tells_judgements === false) return null;
  return askIfThere(path, signal);
}

/** The same; nothing where there is nothing. */
export async function askIfThere(path, signal) {
  try {
    return await ask(path, signal);
  } catch (error) {
    if (error.status === 403 || error.status === 404) return null;
    throw error;
  }
}

/** Why this site's rules refused a document that was sent; nothing where it does not tell that. */
export async function whyRefused(site, text) {
  // Enough to ask by: what it means, the node has read.
  const [, identifier = ''] = /identifier[^<>]*>\s*([A-P][A-Za-z0-9_-]{26})\s*</.exec(text) ?? [];
  const [, endorsed] = /endorsement[^]*?created[^<>]*>\s*([0-9TZ:-]+)\s*</.exec(text) ?? [];
  const judged = await askIfTold(site, `/images/${identifier}/judgement`).catch(() => null);
  const refused = (judged?.entries ?? []).filter((entry) => entry.status === null);
  const same = refused.find((entry) => entry.endorsed === endorsed) ?? refused.at(-1);
  const step = same?.steps.find((step) => step.outcome === 'refused');
  return step ? { reason: step.reason, identifier: judged.identifier } : null;
}

/** Sends a signed document: what became of it, in the node's words. */
export async function send(file) {
  const headers = { 'Content-Type': 'application/rdf+xml', Accept: 'application/json' };
  let response;
  try {
    response = await fetch('/metadata', { method: 'POST', headers, body: file });
  } catch {
    throw new Problem(0, 'The node cannot be reached, or the file cannot be read any more.');
  }
  const text = await response.text();
  if (response.ok) {
    const path = new URL(response.headers.get('Location') ?? '/', location.href).pathname.split('/');
    return { waits: response.status === 202, identifier: path[2] ?? null, text };
  }
  let message = text;
  try {
    message = JSON.parse(text)[response.status] ?? text;
  } catch {
    // Not every answer on the way from the node is the node's own.
  }
  const wait = response.headers.get('Retry-After');
  throw new Problem(response.status, wait ? `${message} (${wait} s)` : message);
}
