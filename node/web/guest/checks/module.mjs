// Runs guest.wasm and the modules of the pages under Node.js, on what a Rust test has laid
// out in a folder: keys, what the provider has, the rules of the app, what has to come out.
//
//   node module.mjs PAGES FOLDER VECTORS
//
// Gives what the customer wrote as FOLDER/written.synlog; its last line is "ok".

import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync, mkdirSync, copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [pages, folder, vectors] = process.argv.slice(2);
const modules = join(folder, 'modules');
mkdirSync(modules, { recursive: true });
writeFileSync(join(modules, 'package.json'), '{"type":"module"}');
const plain = ['core.js', 'door.js', 'link.js', 'pins.js', 'slots.js', 'words-en.js', 'words-de.js'];
for (const name of plain) copyFileSync(join(pages, name), join(modules, name));
const load = (name) => import(pathToFileURL(join(modules, name)));
const { Core, CoreError } = await load('core.js');
const { Link, pause } = await load('link.js');
const { DoorError } = await load('door.js');
const { PINS } = await load('pins.js');
const read = (name) => new Uint8Array(readFileSync(join(folder, name)));
const expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'));

const bytes = new Uint8Array(readFileSync(join(pages, 'guest.wasm')));
const module = await WebAssembly.compile(bytes);

// it asks for nothing but to run reducers, and has no memory but its own
assert.deepEqual(WebAssembly.Module.imports(module), [{ module: 'browser', name: 'reducer_call', kind: 'function' }]);
{
  // the same without SIMD: the first byte of its instructions is nowhere at the beginning of a
  // function's code that V8 would refuse with SIMD turned off; the test runs it so
  const core = await Core.of(module);
  let cases = 0;
  for (const name of readdirSync(vectors).filter((name) => name.endsWith('.json'))) {
    const file = name.slice(0, -5);
    // what only nodes say to each other
    if (['device_answers', 'device_requests', 'frontiers', 'links', 'messages', 'tickets'].includes(file)) continue;
    const { ok } = core.ask('vectors', { file }, new Uint8Array(readFileSync(join(vectors, name))));
    assert.deepEqual(ok.failed, [], file);
    cases += ok.cases;
  }
  assert.ok(cases > 500, `${cases} cases`);
  console.log(`vectors: ${cases} cases`);
}

// what is no request is answered all the same
{
  const core = await Core.of(module);
  assert.throws(() => core.ask('nothing'), (error) => error instanceof CoreError && error.code === 'usage');
  assert.throws(() => core.ask('me'), (error) => error.code === 'no_keys');
  const { ok } = core.ask('make', { name: 'Kallio' });
  assert.equal(core.ask('words').ok.words.length, 24);
  const again = await Core.of(module);
  again.ask('load_keys', { keys: ok.keys });
  assert.deepEqual(again.ask('me').ok.entity, core.ask('me').ok.entity);
  const other = await Core.of(module);
  other.ask('make', { name: 'Kallio' });
  assert.notEqual(other.ask('me').ok.entity, core.ask('me').ok.entity);
}

/** A storage in memory that does as the one in IndexedDB: what is added twice fails. */
class Memory {
  meta = new Map();
  kept = new Map();
  full = false;
  async get(name) { return structuredClone(this.meta.get(name)); }
  async put(name, value) { this.meta.set(name, structuredClone(value)); }
  async change(name, make) { const value = make(await this.get(name)); this.meta.set(name, structuredClone(value)); return value; }
  async addOwn(record, data, drafts) {
    if (this.full) throw new Error('the disk is full');
    const key = `own/${record.topic}/${record.seq}`;
    if (this.kept.has(key)) return false;
    if (drafts) this.meta.set('drafts', structuredClone(drafts));
    this.kept.set(key, { kind: record.kind, bytes: data.slice() });
    return true;
  }
  async addGot(records, data) {
    let at = 0;
    for (const record of records) {
      this.kept.set(`got/${record.topic}/${record.author}/${record.seq}/${record.hash}`, { kind: record.kind, bytes: data.slice(at, at + record.bytes) });
      at += record.bytes;
    }
  }
  async records() {
    const all = [...this.kept.values()];
    return { records: all.map(({ kind, bytes: of }) => ({ kind, bytes: of.length })), bytes: new Uint8Array(all.flatMap(({ bytes: of }) => [...of])) };
  }
  async alone(run) { return run(); }
  async clear() { this.meta.clear(); this.kept.clear(); }
}

/** A provider's door: what it has is given out; what is pushed is kept. */
class Provider {
  token = null;
  away = false;
  pushed = [];
  height = 0;
  sessions = 0;
  // a reader without keys: it checks and counts what is pushed, and opens nothing
  #core = null;
  static async of() {
    const provider = new Provider();
    provider.#core = await Core.of(module);
    provider.#core.ask('load', {}, read('provider.synlog'));
    return provider;
  }
  #refuse() { if (this.away) throw new DoorError({ code: 'unreachable' }, 0); }
  async here() { this.#refuse(); return { entity: expected.provider }; }
  async session(sign) {
    this.#refuse();
    const signed = sign({ challenge: 'ab'.repeat(32), node: 'cd'.repeat(32) });
    assert.equal(signed.device, expected.device);
    assert.ok(signed.bundle.length > 100);
    this.sessions += 1;
    this.token = 'token';
    return { relations: [] };
  }
  async found() { this.#refuse(); return expected.topic; }
  async pull() { this.#refuse(); return { bundle: read('provider.synlog'), more: false }; }
  async push(topic, bundle) {
    this.#refuse();
    const { ok } = this.#core.ask('take', { topic }, bundle);
    assert.deepEqual([ok.refused, ok.waiting], [[], 0]);
    this.pushed.push(bundle);
    this.height += ok.entries;
    return { took: ok.entries, heights: [{ author: expected.device, height: this.height }] };
  }
  async reducer(hash) { this.#refuse(); assert.equal(hash, PINS[0].hash); return read('relation.wasm'); }
  async stream() { return new Promise(() => {}); }
}

const until = async (is, what) => {
  for (let tries = 0; tries < 500; tries += 1) {
    if (is()) return;
    await new Promise((go) => setTimeout(go, 10));
  }
  assert.fail(`${what} never came`);
};

const storage = new Memory();
const keys = JSON.parse(readFileSync(join(folder, 'keys.json'), 'utf8'));
await storage.put('keys', keys);
const door = await Provider.of();
const linked = async () => {
  const link = new Link({ core: await Core.of(module), storage, door, told: () => {} });
  await link.open();
  return link;
};

// a first order while the provider is away: it waits as a draft, also over a reload
door.away = true;
let link = await linked();
const order = {
  lines: [{ space: { $hex: '05'.repeat(32) }, item: 'cake', revision: { $hex: '06'.repeat(32) }, title: 'Cake', quantity: 1 }],
};
assert.equal(await link.write('order.request', order, { space: '05'.repeat(32) }), null);
assert.equal(link.unsent, 1);
let running = link.run();
await until(() => link.online === false, 'the provider is away');
link.stop();
await running;
link = await linked();
assert.equal(link.drafts.length, 1);

// it comes back: the relation is founded, pulled and checked, the order signed and sent
door.away = false;
running = link.run();
await until(() => door.pushed.length === 1, 'the push');
await until(() => link.unsent === 0, 'all sent');
assert.equal(link.drafts.length, 0);
assert.equal(link.online, true);
const rows = link.rows();
assert.deepEqual(rows.tables.orders.map((row) => [row.columns.state, row.tentative]), [['requested', true]]);

// rows of what the provider sequenced are those that the app's own code gives, natively
assert.equal(rows.digest.sequenced, expected.sequenced);
assert.equal(rows.tables.messages.length, expected.messages);

// what may be done next is known from the rules
const id = rows.tables.orders[0].columns.order;
assert.equal(link.attempt('order.cancel', { order: id }).verdict, 'accepted');
assert.equal(link.attempt('order.complete', { order: id }).verdict, 'bad_transition');
assert.equal(link.code(id.$hex).length, 64);

// a full disk: nothing was signed for anybody, and the next one has the same place
storage.full = true;
await assert.rejects(link.write('message.post', { text: 'lost' }));
storage.full = false;
const said = await link.write('message.post', { text: 'hello' });
assert.equal(said.record.seq, 1);
await until(() => door.pushed.length === 2, 'the second push');

// another tab wrote in the meantime: this one notices, reads it, and goes on behind it
const tab = await linked();
const [first, second] = [await tab.write('message.post', { text: 'from the other tab' }), await link.write('message.post', { text: 'from this tab' })];
assert.deepEqual([first.record.seq, second.record.seq], [2, 3]);
assert.equal(link.rows().tables.messages.filter((row) => row.columns.text?.startsWith('from')).length, 2);
link.stop();
await running;

// reloaded, all is there; every signature is checked
link = await linked();
const audit = link.audit();
assert.equal(audit.verified, audit.entries);
assert.equal(audit.entries, expected.entries + 4);
assert.equal(audit.events.filter((event) => event.by === 'you').length, 4);
assert.equal(link.rows().digest.sequenced, expected.sequenced);
writeFileSync(join(folder, 'written.synlog'), link.export());
writeFileSync(join(folder, 'tentative.txt'), link.rows().digest.tentative);

// pauses grow, never all at once, and have an end
assert.ok(pause(0, 0) >= 250 && pause(0, 1) <= 500);
assert.ok(pause(3, 0) > pause(1, 1) && pause(50, 1) <= 30000);

// the same messages in both languages
const [en, de] = (await Promise.all([load('words-en.js'), load('words-de.js')])).map((it) => it.default);
const common = (words) => Object.keys(words).filter((key) => !key.startsWith('word.')).sort();
assert.deepEqual(common(en), common(de));
const holes = (text) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();
for (const key of common(en)) assert.deepEqual(holes(en[key]), holes(de[key]), key);

// free times: Monday 9 to 17 by the clock of the resource, which is two hours ahead
const { free, left } = await load('slots.js');
const HOUR = 3600000;
const monday = Date.UTC(2026, 0, 5);
const chair = { capacity: 1, buffer_s: 0, notice_s: 0, offsets: [[0, 7200]], rules: [{ days: [0], from_s: 9 * 3600, to_s: 17 * 3600 }], except: [{ start: monday + 10 * HOUR, end: monday + 11 * HOUR }] };
const asked = { from: monday - 2 * HOUR, to: monday + 22 * HOUR, length: HOUR, step: HOUR, seats: 1, now: 0 };
const starts = (resource, taken = []) => free(resource, taken, asked).map(({ start }) => (start - monday) / HOUR);
assert.deepEqual(starts(chair), [7, 8, 9, 11, 12, 13, 14]);
assert.deepEqual(starts(chair, [{ start: monday + 8 * HOUR, end: monday + 9 * HOUR, seats: 1 }]), [7, 9, 11, 12, 13, 14]);
assert.deepEqual(starts({ ...chair, buffer_s: 1800 }, [{ start: monday + 8 * HOUR, end: monday + 9 * HOUR, seats: 1 }]), [11, 12, 13, 14]);
assert.equal(left({ ...chair, capacity: 3 }, [{ start: 0, end: 10, seats: 1 }, { start: 5, end: 20, seats: 1 }], 0, 20), 1);
assert.deepEqual(free(chair, [], { ...asked, now: monday + 12.5 * HOUR }).map(({ start }) => (start - monday) / HOUR), [13, 14]);

// forgotten is forgotten
await link.forget();
assert.equal(storage.kept.size, 0);
assert.equal(storage.meta.get('keys'), undefined);
console.log('ok');
