// The provider's door for guests: /api/guest/v1.

const ROOT = '/api/guest/v1';
/** Milliseconds without a word, heartbeats included, after which a stream counts as broken. */
const SILENCE = 40000;
/** Milliseconds after which an answer is not waited for any more. */
const PATIENCE = 20000;
// bytes a millisecond of a slow network, for what is sent
const SLOW = 8;

/** What the node says went wrong; status 0: it was not reached. */
export class DoorError extends Error {
  constructor(problem, status) {
    super(problem.title ?? `status ${status}`);
    this.name = 'DoorError';
    this.status = status;
    this.code = problem.code ?? 'unknown';
    this.hint = problem.hint ?? null;
    this.rule = problem.rule;
    this.after = problem.retry_after;
  }
}

const part = (text) => encodeURIComponent(text);

function base64(bytes) {
  let text = '';
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}

export class Door {
  #base;
  token = null;

  constructor(base = '') {
    this.#base = base + ROOT;
  }

  /** The answer with its body, read as `json` or `arrayBuffer`; without one the body is left. */
  async #ask(path, options = {}, read = 'json') {
    const headers = { ...options.headers };
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    const broken = new AbortController();
    // what is large takes its time on a slow network
    const patience = PATIENCE + (options.body?.length ?? 0) / SLOW;
    const late = read && setTimeout(() => broken.abort(), patience);
    try {
      const response = await fetch(this.#base + path, { credentials: 'omit', signal: broken.signal, ...options, headers });
      if (!response.ok) {
        const problem = await response.json().catch(() => ({}));
        // a gateway whose provider is away; who has no stream left is there
        const away = [502, 503, 504].includes(response.status) && problem.code !== 'too_many_watchers';
        throw new DoorError(problem, away ? 0 : response.status);
      }
      return { response, body: read && await response[read]() };
    } catch (cause) {
      if (cause instanceof DoorError) throw cause;
      throw Object.assign(new DoorError({ code: 'unreachable', title: 'the provider is not reached' }, 0), { cause });
    } finally {
      clearTimeout(late);
    }
  }

  async get(path, query = {}) {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      for (const item of Array.isArray(value) ? value : [value]) {
        if (item !== undefined && item !== null) search.append(name, String(item));
      }
    }
    const text = search.toString();
    return (await this.#ask(path + (text ? `?${text}` : ''))).body;
  }

  async #post(path, body) {
    const headers = { 'Content-Type': 'application/json' };
    const { body: json } = await this.#ask(path, { method: 'POST', headers, body: JSON.stringify(body) });
    return { json };
  }

  here() {
    return this.get('/here');
  }

  rows(space, view, query) {
    return this.get(`/spaces/${part(space)}/views/${part(view)}`, query);
  }

  row(space, view, key) {
    return this.get(`/spaces/${part(space)}/rows/${part(view)}/${key.split('/').map(part).join('/')}`);
  }

  image(hash) {
    return `${this.#base}/blobs/${part(hash)}`;
  }

  async reducer(hash) {
    return new Uint8Array((await this.#ask(`/reducers/${part(hash)}`, {}, 'arrayBuffer')).body);
  }

  /** Proves the device; `sign` answers a challenge. Gives the relations. */
  async session(sign) {
    this.token = null;
    const { json: asked } = await this.#post('/challenge', {});
    const { device, signature, bundle } = sign(asked);
    const { json } = await this.#post('/session', {
      device, challenge: asked.challenge, signature, bundle: base64(bundle),
    });
    this.token = json.token;
    return json;
  }

  /** The relation: its topic, or null where the owner is asked first. */
  async found(space) {
    const { json } = await this.#post('/relations', { space });
    return json.topic ?? null;
  }

  /** What is beyond some heights, and whether more is left. */
  async pull(topic, heights) {
    const have = heights.map(({ author, height }) => ({ feed: { author }, height }));
    const headers = { 'Content-Type': 'application/json' };
    const options = { method: 'POST', headers, body: JSON.stringify({ have }) };
    const { response, body } = await this.#ask(`/relations/${part(topic)}/pull`, options, 'arrayBuffer');
    return { bundle: new Uint8Array(body), more: response.headers.get('Synlog-More') === '1' };
  }

  async push(topic, bundle) {
    const headers = { 'Content-Type': 'application/vnd.synlog.bundle' };
    return (await this.#ask(`/relations/${part(topic)}/push`, { method: 'POST', headers, body: bundle })).body;
  }

  /** Tells how far the relation goes, at first and each time it grows, until it breaks. */
  stream(topic, told, signal) {
    return this.#listen(`/relations/${part(topic)}/stream`, ({ heights = [] }) => told(heights), signal);
  }

  /** Tells at first, and each time a space has changed, until it breaks. */
  news(space, told, signal) {
    return this.#listen(`/spaces/${part(space)}/stream`, told, signal);
  }

  async #listen(path, told, signal) {
    const broken = new AbortController();
    const stop = () => broken.abort();
    signal?.addEventListener('abort', stop);
    try {
      const { response } = await this.#ask(path, { signal: broken.signal }, null);
      const reader = response.body.getReader();
      const decoder = new TextDecoder();
      let text = '';
      for (;;) {
        const silence = setTimeout(stop, SILENCE);
        const { done, value } = await reader.read().finally(() => clearTimeout(silence));
        if (done) return;
        text += decoder.decode(value, { stream: true });
        for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
          const fields = { event: 'message', data: '' };
          for (const line of text.slice(0, end).split('\n')) {
            const at = line.indexOf(':');
            if (at > 0) fields[line.slice(0, at)] = line.slice(at + 1).replace(/^ /, '');
          }
          text = text.slice(end + 2);
          if (fields.event === 'grown') told(JSON.parse(fields.data));
        }
      }
    } finally {
      signal?.removeEventListener('abort', stop);
      broken.abort();
    }
  }
}
