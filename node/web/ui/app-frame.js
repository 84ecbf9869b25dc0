// For the user interface of an app, in its frame: all that it may have of synlog. Types are in
// app.d.ts; docs/APPS.md tells how such a page is made.

/** Why something was not done. `code` is that of the API, `not_allowed` for what ui.json does
 * not name, `declined` where the owner said no. */
export class AppError extends Error {
  constructor({ code, message, rule, hint }) {
    super(message);
    this.name = 'AppError';
    this.code = code;
    this.rule = rule;
    this.hint = hint ?? null;
  }
}

/** Milliseconds after which there is nobody who would answer. */
const PATIENCE = 15000;

class App {
  #port;
  #last = 0;
  #waiting = new Map();
  #watches = new Map();
  #listeners = new Map();
  #blobs = new Map();

  constructor(port) {
    this.#port = port;
    port.onmessage = ({ data }) => this.#heard(data);
    // what was typed nowhere else is never looked for: the frame has no storage
    this.about = null;
  }

  /** Asks, and waits for the answer. */
  ask(op, rest = {}) {
    const id = ++this.#last;
    return new Promise((done, failed) => {
      this.#waiting.set(id, { done, failed });
      this.#port.postMessage({ id, op, ...rest });
    });
  }

  #heard(data) {
    const waits = this.#waiting.get(data.id);
    if (waits) {
      this.#waiting.delete(data.id);
      if (data.error) waits.failed(new AppError(data.error));
      else waits.done(data.ok);
    } else if (data.event === 'changed') {
      this.#watches.get(data.watch)?.(data.topics);
    } else if (data.event) {
      if (data.about) this.about = { ...this.about, ...data.about };
      for (const listener of this.#listeners.get(data.event) ?? []) listener(this.about);
    }
  }

  /** Hears of `theme`: light or dark. */
  on(event, listener) {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]);
  }

  rows(table, query = {}) {
    return this.ask('rows', { table, ...query });
  }

  async *allRows(table, query = {}) {
    let after;
    do {
      const page = await this.rows(table, { limit: 1000, ...query, after });
      yield* page.rows;
      after = page.next ?? undefined;
    } while (after);
  }

  row(topic, table, key) {
    return this.ask('row', { topic, table, key });
  }

  async watch(changed, topic) {
    const watch = await this.ask('watch', topic ? { topic } : {});
    this.#watches.set(watch, changed);
    return () => {
      this.#watches.delete(watch);
      return this.ask('unwatch', { watch });
    };
  }

  send(topic, kind, body, more = {}) {
    return this.ask('send', { topic, kind, body, ...more });
  }

  async blob(reference) {
    const hash = typeof reference === 'string' ? reference : reference.blob.$hex;
    if (!this.#blobs.has(hash)) {
      const { type, bytes } = await this.ask('blob', { hash });
      this.#blobs.set(hash, URL.createObjectURL(new Blob([bytes], { type })));
    }
    return this.#blobs.get(hash);
  }

  notice(text) {
    return this.ask('notice', { text });
  }

  open(screen, ...parts) {
    return this.ask('open', { screen, parts });
  }
}

/** Reports how high the page is, so that the frame never scrolls by itself. */
function grow(app) {
  document.body.style.display = 'flow-root';
  let told = 0;
  const look = () => {
    const height = Math.ceil(document.body.getBoundingClientRect().height);
    if (height !== told) app.ask('resize', { height: told = height }).catch(() => {});
  };
  new ResizeObserver(look).observe(document.body);
  look();
}

/** Waits for the owner's page, which holds the frame. */
export async function connect() {
  const port = await new Promise((done, failed) => {
    const late = setTimeout(() => failed(new AppError({ code: 'alone', message: 'this page is shown by synlog, in a frame' })), PATIENCE);
    addEventListener('message', function hear({ source, data, ports }) {
      if (source !== parent || data !== 'synlog: port' || !ports[0]) return;
      removeEventListener('message', hear);
      clearTimeout(late);
      done(ports[0]);
    });
    parent.postMessage('synlog: connect', '*');
  });
  const app = new App(port);
  app.about = await app.ask('about');
  document.documentElement.lang = app.about.language;
  grow(app);
  return app;
}

/** Draws something anew and brings the reader back: what has the focus, and what was opened. */
export function redraw(root, draw) {
  const all = (kinds) => [...root.querySelectorAll(kinds)];
  const named = (element) => `${element.tagName} ${element.getAttribute('aria-label') ?? element.labels?.[0]?.textContent ?? element.textContent}`;
  // the same words may stand there twice: the number tells them apart
  const place = (kinds, element) => [named(element), all(kinds).filter((other) => named(other) === named(element)).indexOf(element)];
  const find = (kinds, [name, at]) => all(kinds).filter((other) => named(other) === name)[at];
  const fields = 'button, a, summary, input, select, textarea';
  const active = root.contains(document.activeElement) && document.activeElement.matches(fields) ? place(fields, document.activeElement) : null;
  const opened = all('summary').filter((summary) => summary.parentElement.open).map((summary) => place('summary', summary));
  draw();
  for (const it of opened) {
    const summary = find('summary', it);
    if (summary) summary.parentElement.open = true;
  }
  if (active) find(fields, active)?.focus({ preventScroll: true });
}

/** Messages by language: `translator({en: {…}, de: {…}}, about)` gives t('key', {name: value}). */
export function translator(messages, { language }) {
  const own = messages[language] ?? messages.en;
  return (key, values = {}) => String(own[key] ?? messages.en[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** Hexadecimal digits of an id. */
export const digits = (value) => {
  const text = value && typeof value === 'object' ? value.$hex : value;
  return typeof text === 'string' ? text : '';
};
/** The front of one. */
export const short = (value) => digits(value).slice(0, 10);
/** Minor units of a column, whether it is money or a number. */
export const units = (value) => (value && typeof value === 'object' ? value.minor : value) ?? 0;

/** How values are written where the reader is. */
export function formats({ locale, zone }) {
  const instants = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short', timeZone: zone });
  return {
    instant: (value) => (value === null || value === undefined || Number.isNaN(new Date(value).getTime()) ? '' : instants.format(new Date(value))),
    number: (value) => new Intl.NumberFormat(locale).format(value),
    money: (minor, currency) => {
      try {
        const format = new Intl.NumberFormat(locale, { style: 'currency', currency });
        return format.format(minor / 10 ** format.resolvedOptions().maximumFractionDigits);
      } catch {
        return `${minor} ${currency}`;
      }
    },
  };
}
