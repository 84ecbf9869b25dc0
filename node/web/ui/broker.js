// Between a page and the user interface of an app in its frame: what the frame asks for is
// judged here. Everything that comes out of it is taken for hostile. The same broker serves
// owners and guests: `core` reads and writes, `shell` is what people see around the frame.

/** What may come in one message: letters and values, and how deep they lie. */
const LETTERS_MAX = 64 << 10;
const VALUES_MAX = 4000;
const DEPTH_MAX = 12;
/** Calls that wait for their answer, watches. */
const FLIGHT_MAX = 16;
const WATCHES_MAX = 8;
/** Calls that may come at once, those that may follow in each second, and how many beyond them
 * end it all. */
const BURST = 200;
const RATE = 50;
const FLOOD = 1000;
/** How high a frame may be. */
const HEIGHT = [40, 30000];
const NOTICE_MAX = 200;
/** Milliseconds between two notices, and in which several news are one. */
const NOTICE_PAUSE = 1000;
const CALM = 150;
/** What is remembered of what it asked for and may not have, and of pictures that rows named. */
const ASKED_MAX = 20;
const PICTURES_MAX = 5000;
/** Times that people say no before nothing is asked any more. */
const PATIENCE = 3;
/** Screens of the pages to which a frame may lead. */
const SCREENS = ['today', 'orders', 'order', 'calendar', 'catalog', 'money', 'clients', 'chats', 'chat', 'audit', 'apps'];
const QUERY = { prefix: 'string', index: 'string', from: 'string', to: 'string', after: 'string', desc: 'boolean', sequenced: 'boolean', as_of: 'number', limit: 'number' };

class Refusal extends Error {
  constructor(code, message, more = {}) {
    super(message);
    Object.assign(this, { code, ...more });
  }
}
const notAllowed = (what) => new Refusal('not_allowed', `ui.json does not allow to ${what}`, { what });
const wrong = (what) => new Refusal('usage', what);

/** Whether something is of plain values alone, and not more of them than there may be. */
export function isPlain(value) {
  let [letters, values] = [0, 0];
  const walk = (it, depth) => {
    values += 1;
    if (values > VALUES_MAX || depth > DEPTH_MAX) return false;
    if (it === null || it === undefined || typeof it === 'boolean') return true;
    if (typeof it === 'number') return Number.isFinite(it);
    if (typeof it === 'string') {
      letters += it.length;
      return letters <= LETTERS_MAX;
    }
    if (Array.isArray(it)) return it.length <= VALUES_MAX && it.every((item) => walk(item, depth + 1));
    if (typeof it !== 'object' || Object.getPrototypeOf(it) !== Object.prototype) return false;
    return Object.keys(it).every((key) => walk(key, depth + 1) && walk(it[key], depth + 1));
  };
  return walk(value, 0);
}

const text = (value, name, max = 300) => {
  if (typeof value !== 'string' || value.length > max) throw wrong(`${name} is a text of at most ${max} letters`);
  return value;
};
const object = (value, name) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(`${name} is an object`);
  return value;
};

function queryOf(asked) {
  const query = {};
  for (const [name, type] of Object.entries(QUERY)) {
    const value = asked[name];
    if (value === undefined || value === null) continue;
    if (typeof value !== type) throw wrong(`${name} is a ${type}`);
    query[name] = type === 'string' ? text(value, name, 2000) : value;
  }
  if (asked.equal !== undefined) {
    if (!Array.isArray(asked.equal) || asked.equal.length > 8) throw wrong('equal is a list of texts');
    query.equal = asked.equal.map((value) => text(value, 'equal'));
  }
  return query;
}

/** What may be asked for. Nothing that is not named there has an answer. */
let calls;

/** Answers a frame until it is stopped. */
export class Broker {
  #frame; #ui; #core; #shell;
  #port = null;
  #loads = 0;
  #flight = 0;
  #tokens = BURST;
  #counted = performance.now();
  #beyond = 0;
  #watches = new Map();
  #lastWatch = 0;
  #news = new Set();
  #told = 0;
  #declined = 0;
  #asking = Promise.resolve();
  #pictures = new Set();
  #ended = new AbortController();
  /** What it asked for and may not have. */
  refused = new Map();

  constructor(frame, ui, core, shell) {
    this.#frame = frame;
    this.#ui = ui;
    this.#core = core;
    this.#shell = shell;
    const { signal } = this.#ended;
    addEventListener('message', (event) => this.#greeted(event), { signal });
    frame.addEventListener('load', () => {
      // a page that went elsewhere is another one; nothing goes to it
      if (++this.#loads > 1) this.stop('left');
    }, { signal });
    const theme = matchMedia('(prefers-color-scheme: dark)');
    theme.addEventListener('change', () => this.#post({ event: 'theme', about: { theme: theme.matches ? 'dark' : 'light' } }), { signal });
    const stopNews = core.changed((topics) => this.#heardOf(topics));
    signal.addEventListener('abort', stopNews);
  }

  /** Whether the frame has said anything. */
  get isConnected() {
    return this.#port !== null;
  }

  /** Ends it; the frame gets no answer any more. */
  stop(why) {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort();
    this.#port?.close();
    if (why) this.#shell.stopped(why);
  }

  #greeted({ source, origin, data }) {
    // a sandboxed page is of no origin
    if (source !== this.#frame.contentWindow || origin !== 'null' || data !== 'synlog: connect' || this.#port) return;
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    port1.onmessage = ({ data: asked }) => this.#heard(asked);
    port1.onmessageerror = () => this.stop('flood');
    this.#frame.contentWindow.postMessage('synlog: port', '*', [port2]);
  }

  #post(message, transfer = []) {
    if (!this.#ended.signal.aborted) this.#port?.postMessage(message, transfer);
  }

  /** Whether one more call may come now. */
  #mayCall() {
    const now = performance.now();
    this.#tokens = Math.min(BURST, this.#tokens + ((now - this.#counted) / 1000) * RATE);
    this.#counted = now;
    if (this.#tokens >= 1 && this.#flight < FLIGHT_MAX) {
      this.#tokens -= 1;
      return true;
    }
    if (++this.#beyond > FLOOD) this.stop('flood');
    return false;
  }

  async #heard(asked) {
    const may = this.#mayCall();
    if (!may && this.#ended.signal.aborted) return;
    const id = typeof asked?.id === 'number' ? asked.id : 0;
    if (!may) return this.#post({ id, error: { code: 'too_many', message: 'too much was asked at once' } });
    this.#flight += 1;
    try {
      if (!isPlain(asked)) throw new Refusal('too_large', 'only plain values, and not too many of them');
      const op = text(object(asked, 'a call').op, 'op', 40);
      const call = Object.hasOwn(calls, op) ? calls[op] : null;
      if (!call) throw notAllowed(`ask for ${op}`);
      const { ok, transfer } = await call.call(this, asked);
      this.#post({ id, ok: ok ?? null }, transfer);
    } catch (error) {
      if (error.code === 'not_allowed') this.#note(error.what ?? error.message);
      const { code = 'broken', message, rule, hint = null } = error;
      this.#post({ id, error: { code: String(code), message: String(message), rule, hint } });
    } finally {
      this.#flight -= 1;
    }
  }

  /** Keeps what it asked for and may not have, for the owner to see. */
  #note(what) {
    const known = this.refused.get(what);
    if (known === undefined && this.refused.size >= ASKED_MAX) return;
    this.refused.set(what, (known ?? 0) + 1);
    this.#shell.refused(this.refused);
  }

  #heardOf(topics) {
    if (!this.#watches.size) return;
    if (!this.#news.size) setTimeout(() => this.#tellNews(), CALM);
    for (const topic of topics ?? ['*']) this.#news.add(topic);
  }

  async #tellNews() {
    const news = this.#news;
    this.#news = new Set();
    const ours = (await this.#core.topics().catch(() => [])).map(({ topic }) => topic);
    for (const [watch, of] of this.#watches) {
      const topics = ours.filter((topic) => (news.has('*') || news.has(topic)) && (!of || of === topic));
      if (topics.length) this.#post({ event: 'changed', watch, topics });
    }
  }

  #table(asked) {
    const table = text(asked.table, 'table', 64);
    if (!this.#ui.reads.includes(table)) throw notAllowed(`read ${table}`);
    return table;
  }

  /** A topic of the app, by its whole id. */
  async #topic(asked) {
    const topic = text(asked.topic, 'topic', 64);
    const ours = await this.#core.topics();
    if (!ours.some((known) => known.topic === topic)) throw notAllowed(`use the topic ${topic.slice(0, 10)}`);
    return topic;
  }

  /** Remembers the pictures that rows name, and passes the rows on. */
  #passed(rows) {
    const walk = (value) => {
      if (typeof value !== 'object' || value === null) return;
      const hash = value.blob?.$hex;
      if (typeof hash === 'string' && this.#pictures.size < PICTURES_MAX) this.#pictures.add(hash);
      for (const inner of Object.values(value)) walk(inner);
    };
    return rows.map(({ topic, table, key, sub, columns, tentative }) => {
      walk(columns);
      return { topic, table, key, sub, columns, tentative };
    });
  }

  /** One question to people at a time, and not for ever. */
  #consent(asked) {
    const next = this.#asking.then(async () => {
      if (this.#declined >= PATIENCE) return false;
      const said = await this.#shell.consent(asked);
      this.#declined = said ? 0 : this.#declined + 1;
      return said;
    });
    this.#asking = next.catch(() => {});
    return next;
  }

  static {
    calls = {
      async about() {
        const topics = await this.#core.topics();
        const { app, major, reads, writes } = this.#ui;
        const manifest = topics.length ? await this.#core.manifest(topics[0].topic).catch(() => null) : null;
        const field = ({ name, type, title, required }) => ({ name, type, title, required });
        return {
          ok: {
            ...this.#shell.about(),
            theme: matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light',
            ui: { app, major, reads, writes },
            topics: topics.map(({ topic, name }) => ({ topic, name })),
            tables: (manifest?.tables ?? []).filter(({ name }) => reads.includes(name)).map(({ name, title, columns, indexes }) => ({ name, title, columns, indexes })),
            commands: (manifest?.events ?? []).filter(({ kind }) => writes.includes(kind))
              .map(({ kind, title, fields, erasable }) => ({ kind, title, fields: fields.map(field), erasable: erasable.map(field) })),
          },
        };
      },
      async rows(asked) {
        const table = this.#table(asked);
        const topic = asked.topic === undefined || asked.topic === null ? null : await this.#topic(asked);
        const { rows, next } = await this.#core.rows(topic, table, queryOf(asked));
        return { ok: { rows: this.#passed(rows), next } };
      },
      async row(asked) {
        const [table, topic] = [this.#table(asked), await this.#topic(asked)];
        const { rows } = await this.#core.row(topic, table, text(asked.key, 'key', 500));
        return { ok: { rows: this.#passed(rows) } };
      },
      async watch(asked) {
        if (this.#watches.size >= WATCHES_MAX) throw new Refusal('too_many', `at most ${WATCHES_MAX} watches`);
        const topic = asked.topic === undefined ? null : await this.#topic(asked);
        this.#watches.set(++this.#lastWatch, topic);
        return { ok: this.#lastWatch };
      },
      async unwatch({ watch }) {
        this.#watches.delete(watch);
        return {};
      },
      async send(asked) {
        const kind = text(asked.kind, 'kind', 64);
        if (!this.#ui.writes.includes(kind)) throw notAllowed(`write ${kind}`);
        const topic = await this.#topic(asked);
        const event = { body: object(asked.body, 'body') };
        if (asked.erasable !== undefined) event.erasable = object(asked.erasable, 'erasable');
        // the rules are asked before people are
        const trial = await this.#core.send(topic, kind, { ...event, dry_run: true });
        if (asked.dry_run === true) return { ok: { verdict: trial.verdict, why: trial.why ?? null } };
        if (!['accepted', 'unchecked'].includes(trial.verdict)) {
          throw new Refusal(trial.verdict === 'incomplete' ? 'usage' : 'rejected', trial.why ?? `the app's rules refuse it: ${trial.verdict}`, { rule: trial.verdict });
        }
        if (!await this.#consent({ topic, kind, ...event })) throw new Refusal('declined', 'nothing was written');
        const { id, status, verdict, rejected, secrets } = await this.#core.send(topic, kind, event);
        // what nobody else may know is shown outside of the frame
        if (secrets?.length) this.#shell.secret(secrets);
        return { ok: { id, status, verdict, rejected } };
      },
      async blob(asked) {
        const hash = text(asked.hash, 'hash', 64);
        if (!this.#pictures.has(hash)) throw notAllowed('see a picture that no row names');
        const { type, bytes } = await this.#core.picture(hash);
        return { ok: { type, bytes }, transfer: [bytes] };
      },
      async notice(asked) {
        const now = performance.now();
        if (this.#told && now - this.#told < NOTICE_PAUSE) throw new Refusal('too_many', 'one notice in a second');
        this.#told = now;
        this.#shell.notice(text(asked.text, 'text', NOTICE_MAX));
        return {};
      },
      async resize(asked) {
        if (typeof asked.height !== 'number') throw wrong('height is a number');
        this.#frame.style.height = `${Math.round(Math.min(HEIGHT[1], Math.max(HEIGHT[0], asked.height)))}px`;
        return {};
      },
      async open(asked) {
        const screen = text(asked.screen, 'screen', 40);
        if (!(this.#shell.screens ?? SCREENS).includes(screen)) throw notAllowed(`go to ${screen}`);
        const parts = asked.parts ?? [];
        if (!Array.isArray(parts) || parts.length > 3) throw wrong('parts are at most three texts');
        this.#shell.open(screen, parts.map((part) => text(part, 'part')));
        return {};
      },
    };
  }
}
