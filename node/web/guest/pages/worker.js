// Keeps the files of the page, and gives them when the provider is away. The page that the
// provider serves comes first, so new code is used whenever it answers; its files are named by
// their version, and need not come again. Nothing else is kept: no answer of the API, no
// picture. VERSION and FILES are put before this when it is served.

const CACHES = 'synlog-page-';
const KEPT = CACHES + VERSION;
const WORKER = '/worker.js';
/** Files in it are known by its name: the one that is kept is the one that is served. */
const FOLDER = `/v/${VERSION}/`;
/** Milliseconds for which the page itself is waited for. */
const PATIENCE = 3000;
/** What a gateway says when the provider is away. */
const AWAY = [502, 503, 504];

/** Whether this is still what the provider serves; null where it says nothing. */
async function served() {
  const answer = await fetch(WORKER, { cache: 'no-store' }).catch(() => null);
  if (!answer || AWAY.includes(answer.status)) return null;
  if (answer.ok) return /javascript/.test(answer.headers.get('content-type') ?? '') ? answer.text() : '';
  return [404, 410].includes(answer.status) ? '' : null;
}

async function fill() {
  const cache = await caches.open(KEPT);
  await cache.addAll(FILES);
  // another version while it came: none of it is used, and that one's own worker comes
  if (!(await served())?.includes(VERSION)) {
    await caches.delete(KEPT);
    throw new Error('the page changed meanwhile');
  }
}

async function tidy() {
  for (const name of await caches.keys()) if (name.startsWith(CACHES) && name !== KEPT) await caches.delete(name);
}

/** A page whose provider has no worker any more, or is gone for another one, is not kept. */
async function still() {
  if (await served() !== '') return;
  await registration.unregister();
  for (const name of await caches.keys()) if (name.startsWith(CACHES)) await caches.delete(name);
}

addEventListener('install', (event) => {
  skipWaiting();
  event.waitUntil(fill());
  // a browser that can be told beforehand does not begin this worker for what needs no thought
  event.waitUntil(event.addRoutes?.([
    { condition: { urlPattern: { pathname: '/' }, requestMode: 'navigate' }, source: 'race-network-and-fetch-handler' },
    { condition: { urlPattern: { pathname: `${FOLDER}*` }, requestMethod: 'GET' }, source: { cacheName: KEPT } },
  ]));
});

addEventListener('activate', (event) => event.waitUntil((async () => {
  await tidy();
  // the page is asked for while this begins to run
  await registration.navigationPreload?.enable();
  await clients.claim();
})()));

async function answer(event, path) {
  const { request } = event;
  const kept = async () => (await caches.open(KEPT)).match(path);
  if (path !== '/') return (await kept()) ?? fetch(request);
  const asked = (async () => (await event.preloadResponse) ?? fetch(request))();
  // where a preload reached nobody, Firefox gives an error for an answer and rejects nothing
  const good = asked.then((response) => (response.type === 'error' || AWAY.includes(response.status) ? null : response), () => null);
  const late = new Promise((done) => { setTimeout(done, PATIENCE, null); });
  return (await Promise.race([good, late])) ?? (await kept()) ?? asked;
}

addEventListener('fetch', (event) => {
  const { pathname, origin } = new URL(event.request.url);
  if (event.request.method !== 'GET' || origin !== location.origin || !FILES.includes(pathname)) return;
  event.respondWith(answer(event, pathname));
  if (event.request.mode === 'navigate') event.waitUntil(still());
});
