// What this browser keeps: keys, entries, drafts. In IndexedDB, and nothing is handed out
// before it is there.

const NAME = 'synlog-guest';
/** Milliseconds for which a tab may write, where there are no locks. */
const LEASE = 10000;
const POLL = 120;

const done = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

const committed = (transaction) => new Promise((resolve, reject) => {
  transaction.oncomplete = () => resolve();
  transaction.onabort = () => reject(transaction.error ?? new Error('the browser did not store it'));
  transaction.onerror = () => {};
});

const padded = (seq) => String(seq).padStart(12, '0');

/** Under which key a record lies. An own entry has one place: whoever comes second fails. */
const keyOf = (record, own) => (own
  ? `own/${record.topic}/${padded(record.seq)}`
  : `got/${record.topic}/${record.kind}/${record.author}/${padded(record.seq)}/${record.hash.slice(0, 32)}`);

export class Storage {
  #db;
  #me = crypto.getRandomValues(new Uint32Array(4)).join('-');

  static async open(indexed = globalThis.indexedDB) {
    const storage = new Storage();
    const request = indexed.open(NAME, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore('meta');
      request.result.createObjectStore('records');
    };
    storage.#db = await done(request);
    // another tab forgets everything, or brings a newer version of this page
    storage.#db.onversionchange = () => storage.#db.close();
    return storage;
  }

  #writing(stores) {
    // what is signed must not be lost with the power
    return this.#db.transaction(stores, 'readwrite', { durability: 'strict' });
  }

  async get(name) {
    return done(this.#db.transaction('meta').objectStore('meta').get(name));
  }

  async put(name, value) {
    const writing = this.#writing(['meta']);
    writing.objectStore('meta').put(value, name);
    await committed(writing);
  }

  /** Changes a value in one step. */
  async change(name, make) {
    const writing = this.#writing(['meta']);
    const store = writing.objectStore('meta');
    const value = make(await done(store.get(name)));
    store.put(value, name);
    await committed(writing);
    return value;
  }

  /** Keys and the first entry, together or not at all. */
  async begin(keys, record, bytes) {
    const writing = this.#writing(['meta', 'records']);
    writing.objectStore('meta').add(keys, 'keys');
    writing.objectStore('records').add({ kind: record.kind, bytes }, keyOf(record, true));
    await committed(writing);
  }

  /**
   * An own entry, and with it the drafts that are left, where it was one. `false`: there is
   * another one in its place, by another tab.
   */
  async addOwn(record, bytes, drafts) {
    const writing = this.#writing(['meta', 'records']);
    if (drafts) writing.objectStore('meta').put(drafts, 'drafts');
    writing.objectStore('records').add({ kind: record.kind, bytes: bytes.slice() }, keyOf(record, true));
    try {
      await committed(writing);
      return true;
    } catch (error) {
      if (error?.name === 'ConstraintError') return false;
      throw error;
    }
  }

  /** What came from a node: records, and their bytes one after the other. */
  async addGot(records, bytes) {
    if (!records.length) return;
    const writing = this.#writing(['records']);
    const store = writing.objectStore('records');
    let at = 0;
    for (const record of records) {
      store.put({ kind: record.kind, bytes: bytes.slice(at, at + record.bytes) }, keyOf(record, false));
      at += record.bytes;
    }
    await committed(writing);
  }

  /** All records, as the core takes them back. */
  async records() {
    const found = await done(this.#db.transaction('records').objectStore('records').getAll());
    const bytes = new Uint8Array(found.reduce((sum, record) => sum + record.bytes.length, 0));
    let at = 0;
    for (const record of found) {
      bytes.set(record.bytes, at);
      at += record.bytes.length;
    }
    return { records: found.map((record) => ({ kind: record.kind, bytes: record.bytes.length })), bytes };
  }

  /** Forgets everything. */
  async clear() {
    const writing = this.#writing(['meta', 'records']);
    writing.objectStore('meta').clear();
    writing.objectStore('records').clear();
    await committed(writing);
  }

  /** Runs something while no other tab does. */
  async alone(run) {
    if (globalThis.navigator?.locks) return navigator.locks.request(NAME, run);
    // on plain http there are no locks: a lease in the database, which one tab changes at a time
    const take = (lease) => (lease && lease.of !== this.#me && lease.until > Date.now() ? lease : { of: this.#me, until: Date.now() + LEASE });
    while ((await this.change('lease', take)).of !== this.#me) {
      await new Promise((go) => setTimeout(go, POLL));
    }
    try {
      return await run();
    } finally {
      await this.change('lease', (lease) => (lease?.of === this.#me ? null : lease));
    }
  }
}
