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

/** The draft was signed by another tab. */
class Gone extends Error {}

/** Another tab has forgotten the keys with which this one works: nothing of theirs is stored any more. */
export class Forgotten extends Error {
  constructor() {
    super('the key was forgotten in another tab');
    this.code = 'forgotten';
  }
}

/** Another tab writes now. */
class Late extends Error {
  constructor() { super('another tab writes all the time'); }
}

const nameOf = () => crypto.getRandomValues(new Uint32Array(4)).join('-');

export class Storage {
  #db;
  #me = nameOf();
  #leased = false;
  /** The device whose keys this tab works with. */
  #device = null;
  #turn = Promise.resolve();

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
    // drafts of an older page have no names
    const named = (draft) => (draft.id ? draft : { ...draft, id: nameOf() });
    if ((await storage.get('drafts'))?.some(({ id }) => !id)) await storage.change('drafts', (drafts) => drafts.map(named));
    return storage;
  }

  #writing(stores) {
    // what is signed must not be lost with the power
    return this.#db.transaction(stores, 'readwrite', { durability: 'strict' });
  }

  async get(name) {
    return done(this.#db.transaction('meta').objectStore('meta').get(name));
  }

  /** The keys that are here; what is stored from now on is stored for them. */
  async keys() {
    const keys = await this.get('keys');
    this.#device = keys?.device ?? null;
    return keys;
  }

  async put(name, value) {
    await this.#change(['meta'], (meta) => { meta.put(value, name); });
  }

  /** The same for what belongs to these keys. */
  async note(name, value) {
    await this.#change(['meta'], async (meta) => {
      await this.#mine(meta);
      meta.put(value, name);
    });
  }

  /** Changes a value in one step. */
  async change(name, make) {
    let value;
    await this.#change(['meta'], async (meta) => {
      value = make(await done(meta.get(name)));
      meta.put(value, name);
    });
    return value;
  }

  /** One transaction, all of it or nothing. */
  async #change(stores, make) {
    const writing = this.#writing(stores);
    const all = committed(writing);
    all.catch(() => {});
    try {
      await make(...stores.map((name) => writing.objectStore(name)));
    } catch (error) {
      try { writing.abort(); } catch { /* it ended by itself */ }
      await all.catch(() => {});
      throw error;
    }
    await all;
  }

  /** Without locks: whoever wrote for longer than its lease says no more that it is alone. */
  async #aloneStill(meta) {
    if (this.#leased && (await done(meta.get('lease')))?.of !== this.#me) throw new Late();
  }

  /** The keys are still here, or nothing is stored. */
  async #mine(meta) {
    if (this.#device !== null && (await done(meta.get('keys')))?.device !== this.#device) throw new Forgotten();
  }

  /** Keys and the first entry, together or not at all. */
  async begin(keys, record, bytes) {
    await this.#change(['meta', 'records'], async (meta, records) => {
      await this.#aloneStill(meta);
      meta.add(keys, 'keys');
      records.add({ kind: record.kind, bytes }, keyOf(record, true));
    });
    this.#device = keys.device;
  }

  /** Keeps a draft. Gives all of them. */
  async addDraft(draft) {
    let drafts;
    await this.#change(['meta'], async (meta) => {
      await this.#mine(meta);
      drafts = [...((await done(meta.get('drafts'))) ?? []), { ...draft, id: nameOf() }];
      meta.put(drafts, 'drafts');
    });
    return drafts;
  }

  /** A draft out of what is kept under a name: it is taken from there in the same step. `take` gives what is left, or null: then nothing happens, and nothing is given. */
  async draftOut(name, draft, take) {
    let drafts = null;
    await this.#change(['meta'], async (meta) => {
      await this.#mine(meta);
      const left = take(await done(meta.get(name)));
      if (!left) return;
      drafts = [...((await done(meta.get('drafts'))) ?? []), { ...draft, id: nameOf() }];
      meta.put(left, name);
      meta.put(drafts, 'drafts');
    });
    return drafts;
  }

  /** A draft becomes what is kept under a name, in one step. Gives the drafts that are left; nothing where it is gone. */
  async draftBack(id, name, make) {
    let left = null;
    await this.#change(['meta'], async (meta) => {
      const drafts = (await done(meta.get('drafts'))) ?? [];
      const draft = drafts.find((it) => it.id === id);
      if (!draft) return;
      meta.put(make(await done(meta.get(name)), draft), name);
      left = drafts.filter((it) => it !== draft);
      meta.put(left, 'drafts');
    });
    return left;
  }

  /** Lets a draft go. Gives those that are left. */
  dropDraft(id) {
    return this.change('drafts', (drafts) => (drafts ?? []).filter((draft) => draft.id !== id));
  }

  /**
   * An own entry, and the end of the draft that it was. `taken`: there is another one in its
   * place, by another tab. `gone`: another tab has signed that draft. Nothing is stored then.
   */
  async addOwn(record, bytes, draft) {
    try {
      await this.#change(['meta', 'records'], async (meta, records) => {
        await this.#aloneStill(meta);
        await this.#mine(meta);
        if (draft !== undefined) {
          const drafts = (await done(meta.get('drafts'))) ?? [];
          if (!drafts.some(({ id }) => id === draft)) throw new Gone();
          meta.put(drafts.filter(({ id }) => id !== draft), 'drafts');
        }
        records.add({ kind: record.kind, bytes: bytes.slice() }, keyOf(record, true));
      });
      return 'kept';
    } catch (error) {
      if (error instanceof Gone) return 'gone';
      if (error instanceof Late || error?.name === 'ConstraintError') return 'taken';
      throw error;
    }
  }

  /** What came from a node: records, and their bytes one after the other. */
  async addGot(records, bytes) {
    if (!records.length) return;
    await this.#change(['meta', 'records'], async (meta, store) => {
      await this.#mine(meta);
      let at = 0;
      for (const record of records) {
        store.put({ kind: record.kind, bytes: bytes.slice(at, at + record.bytes) }, keyOf(record, false));
        at += record.bytes;
      }
    });
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
    await this.#change(['meta', 'records'], (meta, records) => { meta.clear(); records.clear(); });
  }

  /** Runs something while nobody else does, here or in another tab. It is not run within itself. */
  async alone(run) {
    if (globalThis.navigator?.locks) return navigator.locks.request(NAME, run);
    const turn = this.#turn.then(() => this.#withLease(run));
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /** On plain http there are no locks: a lease in the database, which one tab changes at a time. */
  async #withLease(run) {
    const take = (lease) => (lease && lease.of !== this.#me && lease.until > Date.now() ? lease : { of: this.#me, until: Date.now() + LEASE });
    while ((await this.change('lease', take)).of !== this.#me) {
      await new Promise((go) => setTimeout(go, POLL));
    }
    this.#leased = true;
    try {
      return await run();
    } finally {
      this.#leased = false;
      await this.change('lease', (lease) => (lease?.of === this.#me ? null : lease));
    }
  }
}
