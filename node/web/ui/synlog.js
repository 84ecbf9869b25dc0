// The local API of a synlog node, for pages and programs. Types are in synlog.d.ts.

/** What the API says went wrong. */
export class ProblemError extends Error {
  constructor(problem, status) {
    super(problem.title ?? `status ${status}`);
    this.name = 'ProblemError';
    this.status = status;
    this.code = problem.code ?? 'unknown';
    this.hint = problem.hint ?? null;
    this.rule = problem.rule;
  }
}

const ROOT = '/api/v1';
/** Milliseconds before a broken stream is opened again: at first, and at most. */
const PAUSE = [300, 15000];
/** Milliseconds without a word, heartbeats included, after which a stream counts as broken. */
const SILENCE = 40000;

/** Questions that are answered at once, and how many of them go in one request. */
const QUICK = /^\/((topics|apps)\/[^/]+\/(views|rows)\/|(whoami|topics|inbox|guests|steps|root)$)/;
const TOGETHER = 16;

const part = (text) => encodeURIComponent(text);

export class Synlog {
  #base;
  #headers;
  /** Quick questions that were asked just now. */
  #asked = [];

  constructor({ base = '', token, ui } = {}) {
    this.#base = base + ROOT;
    this.#headers = token ? { Authorization: `Bearer ${token}` } : {};
    if (ui) this.#headers['Synlog-UI'] = ui;
  }

  #url(path, query) {
    return this.#base + this.#path(path, query);
  }

  #path(path, query = {}) {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      for (const item of Array.isArray(value) ? value : [value]) {
        if (item !== undefined && item !== null) search.append(name, String(item));
      }
    }
    const text = search.toString();
    return path + (text ? `?${text}` : '');
  }

  async #ask(url, options = {}) {
    const headers = { ...this.#headers, ...options.headers };
    let response;
    try {
      response = await fetch(url, { credentials: 'same-origin', ...options, headers });
    } catch (cause) {
      const problem = { code: 'unreachable', title: 'the node does not answer', hint: 'is `synlog up` running?' };
      throw Object.assign(new ProblemError(problem, 0), { cause });
    }
    if (!response.ok) {
      throw new ProblemError(await response.json().catch(() => ({})), response.status);
    }
    return response;
  }

  async get(path, query) {
    if (this.#headers['Synlog-UI'] || !QUICK.test(path)) return (await this.#ask(this.#url(path, query))).json();
    // a browser opens few connections: what is asked in one go travels together
    return new Promise((tell, fail) => {
      if (!this.#asked.length) queueMicrotask(() => this.#askTogether());
      this.#asked.push({ ask: this.#path(path, query), tell, fail });
    });
  }

  #askTogether() {
    const asked = this.#asked;
    this.#asked = [];
    for (let at = 0; at < asked.length; at += TOGETHER) this.#several(asked.slice(at, at + TOGETHER));
  }

  async #several(asked) {
    try {
      const isOne = asked.length === 1;
      const url = isOne ? this.#base + asked[0].ask : this.#url('/several', { ask: asked.map(({ ask }) => ask) });
      const told = await (await this.#ask(url)).json();
      for (const [at, answer] of (isOne ? [told] : told.answers).entries()) {
        if (answer.problem) asked[at].fail(new ProblemError(answer.problem, answer.problem.status));
        else asked[at].tell(answer);
      }
    } catch (error) {
      for (const { fail } of asked) fail(error);
    }
  }

  async post(path, body = {}) {
    const headers = { 'Content-Type': 'application/json' };
    const response = await this.#ask(this.#url(path), { method: 'POST', headers, body: JSON.stringify(body) });
    return response.json();
  }

  async login(token) {
    await this.post('/login', { token });
  }

  rows(topic, view, query) {
    return this.get(`/topics/${part(topic)}/views/${part(view)}`, query);
  }

  appRows(app, view, query) {
    return this.get(`/apps/${part(app)}/views/${part(view)}`, query);
  }

  async *allRows(topic, view, query = {}) {
    let after;
    do {
      const page = await this.rows(topic, view, { limit: 1000, ...query, after });
      yield* page.rows;
      after = page.next;
    } while (after);
  }

  send(topic, command, event = {}) {
    return this.post(`/topics/${part(topic)}/events/${part(command)}`, event);
  }

  async upload(bytes, topic) {
    const url = this.#url('/blobs', { topic });
    return (await this.#ask(url, { method: 'POST', body: bytes })).json();
  }

  /** Gives a file to be imported into a topic. */
  async give(file, topic, more = {}) {
    const url = this.#url('/imports', { topic, name: file.name, ...more });
    return (await this.#ask(url, { method: 'POST', body: file })).json();
  }

  blobUrl(hash) {
    return `${this.#base}/blobs/${part(hash)}`;
  }

  watch(watching) {
    const ended = new AbortController();
    this.#follow(watching, ended.signal);
    return () => ended.abort();
  }

  // a reader of its own: an EventSource can neither send tokens nor tell why it failed
  async #follow(watching, ended) {
    let id = watching.from;
    let pause = PAUSE[0];
    while (!ended.aborted) {
      const broken = new AbortController();
      const stop = () => broken.abort();
      ended.addEventListener('abort', stop);
      try {
        const headers = id ? { 'Last-Event-ID': id } : {};
        const url = this.#url('/stream', { topic: watching.topic });
        const response = await this.#ask(url, { headers, signal: broken.signal });
        watching.state?.(true);
        pause = PAUSE[0];
        await readEvents(response.body, broken, (name, data, at) => {
          // a handler that throws must not make the same event come again and again
          id = at || id;
          tell(watching, name, data, id);
        });
      } catch (error) {
        if (ended.aborted) break;
        if (error instanceof ProblemError && error.status >= 400 && error.status < 500) {
          watching.state?.(false);
          watching.problem?.(error);
          break;
        }
      } finally {
        ended.removeEventListener('abort', stop);
      }
      if (ended.aborted) break;
      watching.state?.(false);
      await new Promise((done) => setTimeout(done, pause));
      pause = Math.min(pause * 2, PAUSE[1]);
    }
  }
}

function tell(watching, name, data, id) {
  if (name === 'entry') watching.entry?.(data, id);
  else if (name === 'rows') watching.rows?.(data.changes, id);
  else if (name === 'reset') watching.reset?.(id);
  else if (name === 'problem') watching.problem?.(new ProblemError(data, data.status));
}

/** Reads server-sent events until the stream ends or falls silent. */
async function readEvents(body, broken, told) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const silence = setTimeout(() => broken.abort(), SILENCE);
    const { done, value } = await reader.read().finally(() => clearTimeout(silence));
    if (done) return;
    text += value;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const block = text.slice(0, end);
      text = text.slice(end + 2);
      const fields = { event: 'message', data: '', id: '' };
      for (const line of block.split('\n')) {
        const at = line.indexOf(':');
        if (at > 0) fields[line.slice(0, at)] = line.slice(at + 1).replace(/^ /, '');
      }
      if (fields.data) told(fields.event, JSON.parse(fields.data), fields.id);
    }
  }
}
