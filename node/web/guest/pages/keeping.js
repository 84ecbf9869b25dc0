// Whether the browser keeps the files of this page, so that it opens while the provider is
// away: by a worker, which browsers have where the page comes by TLS or from this machine.

const FILE = '/worker.js';
/** With what the names of the worker's caches begin; there is one origin for each provider. */
const CACHES = 'synlog-page-';
const NO = 'keep-page';

const able = () => Boolean(globalThis.isSecureContext && globalThis.navigator?.serviceWorker);
const unwanted = () => { try { return localStorage.getItem(NO) === 'no'; } catch { return false; } };

/** What a worker may be made of: this one file. */
const policy = globalThis.trustedTypes?.createPolicy('synlog', {
  createScriptURL: (url) => { if (url !== FILE) throw new TypeError(url); return url; },
});

/** `kept`, `unwanted`, `coming`, or `unable`: this page comes without TLS. */
export async function state() {
  if (!able()) return 'unable';
  if (unwanted()) return 'unwanted';
  return (await navigator.serviceWorker.getRegistration().catch(() => null))?.active ? 'kept' : 'coming';
}

/** Lets the worker keep the page, unless it is not wanted. */
export async function keep() {
  if (!able() || unwanted()) return;
  // the file itself is never taken from a cache
  await navigator.serviceWorker.register(policy?.createScriptURL(FILE) ?? FILE, { scope: '/', updateViaCache: 'none' }).catch(() => {});
}

/** Keeps it again. */
export async function again() {
  try { localStorage.removeItem(NO); } catch { /* a private window forgets */ }
  await keep();
}

/** Ends the worker, and what it kept goes. Keys and orders stay. */
export async function end() {
  try { localStorage.setItem(NO, 'no'); } catch { /* a private window forgets */ }
  for (const registration of await navigator.serviceWorker.getRegistrations()) await registration.unregister();
  for (const name of await caches.keys()) if (name.startsWith(CACHES)) await caches.delete(name);
}
