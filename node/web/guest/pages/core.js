// The core: guest.wasm, which holds the keys, checks, signs, orders and folds. What goes in
// and out are bytes (node/web/guest/src/ops.rs). Reducers run in the browser's own engine,
// each call in a fresh instance.

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** What the core says can't be done. */
export class CoreError extends Error {
  constructor({ code, rule, text }) {
    super(text);
    this.name = 'CoreError';
    this.code = code;
    this.rule = rule;
  }
}

export const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** A seed of randomness for one request. */
const seed = () => hex(crypto.getRandomValues(new Uint8Array(32)));

const TRAPPED = -1n;
const OVER_BUDGET = -2n;
const FAILED = -3n;
/** The functions of a reducer, by number. */
const FUNCTIONS = ['describe', 'route', 'fold', 'project'];
/** Pages of memory that a reducer may have: 64 MiB. */
const PAGES_MAX = 1024;
const PAGE = 65536;

/** Runs one function of a reducer on an input. */
function runReducer(module, number, input) {
  const { exports } = new WebAssembly.Instance(module, {});
  const run = exports[FUNCTIONS[number]];
  let packed;
  if (number === 0) {
    packed = run();
  } else {
    const address = exports.input(input.length) >>> 0;
    new Uint8Array(exports.memory.buffer, address, input.length).set(input);
    packed = run(input.length);
  }
  if (exports.memory.buffer.byteLength > PAGES_MAX * PAGE) throw new RangeError('memory');
  const address = Number((packed >> 32n) & 0xffffffffn);
  const length = Number(packed & 0xffffffffn);
  // out of bounds throws
  return new Uint8Array(exports.memory.buffer, address, length);
}

export class Core {
  #exports;
  #reducers = new Map();

  /** From a compiled guest.wasm. */
  static async of(module) {
    const core = new Core();
    const { exports } = await WebAssembly.instantiate(module, {
      browser: { reducer_call: (...given) => core.#reducerCall(...given) },
    });
    core.#exports = exports;
    return core;
  }

  /** Makes the module of a reducer known. */
  async addReducer(hash, bytes) {
    const module = await WebAssembly.compile(bytes);
    if (WebAssembly.Module.imports(module).length) throw new Error('a reducer has no imports');
    this.#reducers.set(hash, module);
  }

  hasReducer(hash) {
    return this.#reducers.has(hash);
  }

  #bytes(address, length) {
    return new Uint8Array(this.#exports.memory.buffer, address >>> 0, length);
  }

  #reducerCall(hashAt, number, inputAt, length) {
    const module = this.#reducers.get(hex(this.#bytes(hashAt, 32)));
    if (!module) return FAILED;
    // a copy: nothing of ours is in reach of the reducer
    const input = this.#bytes(inputAt, length >>> 0).slice();
    let output;
    try {
      output = runReducer(module, number, input);
    } catch (error) {
      return error instanceof WebAssembly.RuntimeError ? TRAPPED : OVER_BUDGET;
    }
    const address = this.#exports.guest_alloc(output.length) >>> 0;
    this.#bytes(address, output.length).set(output);
    return (BigInt(address) << 32n) | BigInt(output.length);
  }

  /** Asks the core. Gives its answer, and the bytes that go with it. */
  ask(op, fields = {}, bytes = new Uint8Array()) {
    const text = encoder.encode(JSON.stringify({ op, random: seed(), now_ms: Date.now(), ...fields }));
    const length = 4 + text.length + bytes.length;
    const address = this.#exports.guest_alloc(length) >>> 0;
    const request = this.#bytes(address, length);
    new DataView(request.buffer, address).setUint32(0, text.length, true);
    request.set(text, 4);
    request.set(bytes, 4 + text.length);
    const packed = BigInt.asUintN(64, this.#exports.guest_call(address, length));
    const at = Number(packed >> 32n);
    const size = Number(packed & 0xffffffffn);
    const answer = this.#bytes(at, size).slice();
    this.#exports.guest_free(at, size);
    const end = 4 + new DataView(answer.buffer).getUint32(0, true);
    const json = JSON.parse(decoder.decode(answer.subarray(4, end)));
    if (json.error) throw new CoreError(json.error);
    return { ok: json.ok, bytes: answer.subarray(end) };
  }
}
