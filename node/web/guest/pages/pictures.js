// Pictures that were shown, kept for when the provider is away: by their hash, in a database of
// their own, which needs no worker and no TLS. Those that were seen longest ago go first.

import { app } from './app.js';

const NAME = 'synlog-pictures';
/** Bytes of all of them, and of one. */
const ALL_MAX = 20 << 20;
const ONE_MAX = 4 << 20;
/** What a picture may be; others are saved by nobody. */
const TYPES = ['image/jpeg', 'image/png', 'image/webp', 'image/avif', 'image/gif'];

const done = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

let opening = null;
function database() {
  opening ??= (async () => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      // bytes beside what is known of them: who counts does not read them
      request.result.createObjectStore('bytes');
      request.result.createObjectStore('known', { keyPath: 'hash' });
    };
    const db = await done(request);
    db.onversionchange = () => { db.close(); opening = null; };
    return db;
  })();
  return opening;
}

/** Whether bytes are those that a hash names. */
async function isThat(bytes, hash) {
  await app.linked;
  return app.link.hash(bytes) === hash;
}

/** Which go so that all of them find room, those that were seen longest ago first. */
export function surplus(known, most) {
  let sum = known.reduce((all, { size }) => all + size, 0);
  const gone = [];
  for (const { hash, size } of [...known].sort((a, b) => a.seen - b.seen)) {
    if (sum <= most) break;
    gone.push(hash);
    sum -= size;
  }
  return gone;
}

/** Keeps a picture that was shown just now, or notes that it was. */
export async function keep(hash) {
  const db = await database();
  const had = await done(db.transaction('known').objectStore('known').get(hash));
  const seen = Date.now();
  let bytes = null;
  if (!had) {
    // the browser has it in its cache
    const answer = await fetch(app.door.image(hash), { credentials: 'omit', cache: 'force-cache' });
    const type = answer.headers.get('content-type') ?? '';
    if (!answer.ok || !TYPES.includes(type) || !(Number(answer.headers.get('content-length')) <= ONE_MAX)) return;
    bytes = new Uint8Array(await answer.arrayBuffer());
    if (bytes.length > ONE_MAX || !await isThat(bytes, hash)) return;
    const writing = db.transaction(['known', 'bytes'], 'readwrite');
    writing.objectStore('known').put({ hash, type, size: bytes.length, seen });
    writing.objectStore('bytes').put(bytes, hash);
    const all = await done(writing.objectStore('known').getAll());
    for (const of of surplus(all, ALL_MAX)) {
      writing.objectStore('known').delete(of);
      writing.objectStore('bytes').delete(of);
    }
    return;
  }
  db.transaction('known', 'readwrite').objectStore('known').put({ ...had, seen });
}

/** The address of a picture that is kept, good until its image is gone; null where there is none, or it is another one. */
export async function kept(hash) {
  const db = await database();
  const reading = db.transaction(['known', 'bytes']);
  const [known, bytes] = await Promise.all([done(reading.objectStore('known').get(hash)), done(reading.objectStore('bytes').get(hash))]);
  if (!known || !bytes || !TYPES.includes(known.type) || !await isThat(bytes, hash)) return null;
  return URL.createObjectURL(new Blob([bytes], { type: known.type }));
}

/** Keeps pictures that are on the screen, one after the other; those that come later, too. */
export function follow() {
  let turn = Promise.resolve();
  const add = ({ target }) => {
    const { hash } = target.dataset ?? {};
    if (target.tagName !== 'IMG' || !hash || target.src.startsWith('blob:') || !target.naturalWidth) return;
    turn = turn.then(() => keep(hash)).catch(() => {});
  };
  document.addEventListener('load', add, true);
  for (const target of document.images) if (target.complete) add({ target });
}

/** Forgets all of them. */
export async function forget() {
  (await database()).close();
  opening = null;
  await done(indexedDB.deleteDatabase(NAME));
}
