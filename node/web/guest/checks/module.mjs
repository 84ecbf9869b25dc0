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
const plain = ['core.js', 'door.js', 'following.js', 'lines.js', 'link.js', 'pins.js', 'pulse.js', 'reach.js', 'reading.js', 'slots.js', 'storage.js', 'words-en.js', 'words-de.js'];
for (const name of plain) copyFileSync(join(pages, name), join(modules, name));
const load = (name) => import(pathToFileURL(join(modules, name)));
const { Core, CoreError } = await load('core.js');
const { Link } = await load('link.js');
const { Pulse, pause } = await load('pulse.js');
const { Reach } = await load('reach.js');
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
  #names = 0;
  #turn = Promise.resolve();
  async get(name) { return structuredClone(this.meta.get(name)); }
  async put(name, value) { this.meta.set(name, structuredClone(value)); }
  keys() { return this.get('keys'); }
  note(name, value) { return this.put(name, value); }
  async change(name, make) { const value = make(structuredClone(this.meta.get(name))); this.meta.set(name, structuredClone(value)); return value; }
  addDraft(draft) { return this.change('drafts', (drafts) => [...(drafts ?? []), { ...draft, id: String(this.#names += 1) }]); }
  async draftBack(of, name, make) {
    const drafts = this.meta.get('drafts') ?? [];
    const draft = drafts.find(({ id }) => id === of);
    if (!draft) return null;
    await this.put(name, make(structuredClone(this.meta.get(name)), structuredClone(draft)));
    const left = drafts.filter((it) => it !== draft);
    await this.put('drafts', left);
    return left;
  }
  dropDraft(of) { return this.change('drafts', (drafts) => drafts.filter(({ id }) => id !== of)); }
  async addOwn(record, data, draft) {
    if (this.full) throw new Error('the disk is full');
    const key = `own/${record.topic}/${record.seq}`;
    const drafts = this.meta.get('drafts') ?? [];
    if (draft !== undefined && !drafts.some(({ id }) => id === draft)) return 'gone';
    if (this.kept.has(key)) return 'taken';
    this.meta.set('drafts', drafts.filter(({ id }) => id !== draft));
    this.kept.set(key, { kind: record.kind, bytes: data.slice() });
    return 'kept';
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
  alone(run) {
    const turn = this.#turn.then(run);
    this.#turn = turn.catch(() => {});
    return turn;
  }
  async clear() { this.meta.clear(); this.kept.clear(); }
}

/** A provider's door: what it has is given out; what is pushed is kept. */
class Provider {
  token = null;
  away = false;
  pushed = [];
  founded = false;
  sessions = 0;
  // a reader without keys: it checks and counts what is pushed, and opens nothing
  #core = null;
  static async of(name = 'provider.synlog') {
    const provider = new Provider();
    provider.#core = await Core.of(module);
    provider.#core.ask('load', {}, read(name));
    return provider;
  }
  heights() { return this.#core.ask('heights', { topic: expected.topic }).ok; }
  #refuse() { if (this.away) throw new DoorError({ code: 'unreachable' }, 0); }
  async here() { this.#refuse(); return { entity: expected.provider }; }
  async session(sign) {
    this.#refuse();
    const signed = sign({ challenge: 'ab'.repeat(32), node: 'cd'.repeat(32) });
    assert.equal(signed.device, expected.device);
    assert.ok(signed.bundle.length > 100);
    this.sessions += 1;
    this.token = 'token';
    return { relations: this.founded ? [{ topic: expected.topic, app: 'relation', heights: this.heights() }] : [] };
  }
  async found() { this.#refuse(); this.founded = true; return expected.topic; }
  async pull() { this.#refuse(); return { bundle: read('provider.synlog'), more: false }; }
  async push(topic, bundle) {
    this.#refuse();
    const { ok } = this.#core.ask('take', { topic }, bundle);
    if (ok.waiting) throw new DoorError({ code: 'missing_ancestor' }, 409);
    assert.deepEqual(ok.refused, []);
    this.pushed.push(bundle);
    return { took: ok.entries, heights: this.heights() };
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
const linkedTo = async (storage, door) => {
  const link = new Link({ core: await Core.of(module), storage, door, told: () => {} });
  await link.open();
  return link;
};
const linked = () => linkedTo(storage, door);

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
assert.match(link.code(id.$hex), /^([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}$/);

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

// the provider goes back to a backup, in which the last message of its own is missing as well:
// in its next session it is given all that it lacks, though it had it once
{
  const older = await Provider.of('older.synlog');
  older.founded = true;
  const ours = await linkedTo(storage, older);
  const behind = older.heights();
  const going = ours.run();
  await until(() => older.pushed.length > 0 && ours.unsent === 0, 'what was lost');
  assert.equal(ours.restored, true);
  assert.equal(ours.problem, null);
  assert.deepEqual(older.heights(), door.heights());
  assert.notDeepEqual(older.heights(), behind);
  assert.equal(older.pushed.length, 1);
  ours.stop();
  await going;
}
// the same where it notices by what is refused, in a session that goes on
{
  const same = await Provider.of();
  same.founded = true;
  same.session = async (sign) => {
    sign({ challenge: 'ab'.repeat(32), node: 'cd'.repeat(32) });
    same.sessions += 1;
    same.token = 'token';
    // what it says first is what it had before
    return { relations: [{ topic: expected.topic, app: 'relation', heights: same.sessions === 1 ? door.heights() : same.heights() }] };
  };
  const ours = await linkedTo(storage, same);
  const going = ours.run();
  await until(() => same.token, 'the session');
  await ours.write('message.post', { text: 'builds on what was lost' });
  await until(() => same.sessions === 2 && ours.unsent === 0 && ours.problem === null, 'all of it');
  assert.equal(same.pushed.length, 1);
  ours.stop();
  await going;
}

// two tabs write while the relation begins: each order is signed once
{
  const storage = new Memory();
  await storage.put('keys', keys);
  const door = await Provider.of();
  door.away = true;
  const tabs = [await linkedTo(storage, door), await linkedTo(storage, door)];
  const going = tabs.map((tab) => tab.run());
  const order = (note) => ({ lines: [{ space: { $hex: '05'.repeat(32) }, item: 'cake', revision: { $hex: '06'.repeat(32) }, title: 'Cake', quantity: 1 }], note });
  const space = { space: '05'.repeat(32) };
  await Promise.all([0, 1, 2, 3].map((number) => tabs[number % 2].write('order.request', order(`${number}`), space)));
  door.away = false;
  tabs.forEach((tab) => tab.wake());
  await until(() => tabs.every((tab) => tab.unsent === 0 && tab.drafts.length === 0) && storage.meta.get('drafts').length === 0, 'the drafts');
  const last = await linkedTo(storage, door);
  assert.deepEqual(last.rows().tables.orders.map((row) => row.columns.note).sort(), ['0', '1', '2', '3']);
  const own = [...storage.kept.keys()].filter((key) => key.startsWith('own/'));
  assert.equal(own.length, 4);
  tabs.forEach((tab) => tab.stop());
  await Promise.all(going);
}

// what was ordered while the provider was away is looked at before it goes out, where there is a
// relation already, too; what is not offered any more stays, and can be taken back
{
  const storage = new Memory();
  await storage.put('keys', keys);
  const door = await Provider.of();
  const offered = { bread: 'changed', cake: 'gone' };
  let asked = 0;
  const opened = async () => {
    const link = new Link({ core: await Core.of(module), storage, door, told: () => {}, look: async ({ lines: [{ item }] }) => { asked += 1; return offered[item] ?? null; } });
    await link.open();
    return link;
  };
  let link = await opened();
  const order = (item) => ({ lines: [{ space: { $hex: '05'.repeat(32) }, item, revision: { $hex: '06'.repeat(32) }, title: item, quantity: 1 }] });
  const send = (item, more) => link.write('order.request', order(item), { space: '05'.repeat(32), lines: [{ item }], ...more });
  let going = link.run();
  await send('coffee', { looked: Date.now() });
  await until(() => link.unsent === 0 && link.ready, 'the first order');
  assert.equal(asked, 0);
  const history = () => link.history().events.filter(({ by }) => by === 'you').map((event) => link.isOnTheWay(event));
  assert.deepEqual(history(), [false]);
  door.away = true;
  await link.write('message.post', { text: 'from the cellar' });
  // the message alone is on its way, over a reload, too
  assert.deepEqual([history(), link.onTheWay().map(({ kind }) => kind)], [[false, true], ['message.post']]);
  for (const item of ['bread', 'tea', 'cake']) assert.equal(await send(item), null);
  assert.equal(link.unsent, 4);
  link.stop();
  await going;
  // as in a page that was opened anew
  door.token = null;
  link = await opened();
  assert.deepEqual([history(), link.onTheWay().map(({ kind }) => kind)], [[false, true], ['message.post']]);
  door.away = false;
  going = link.run();
  await until(() => link.rows().tables.orders.length === 2 && link.unsent === 2, 'the one that stands');
  assert.deepEqual(link.drafts.map(({ body, stopped }) => [body.lines[0].item, stopped]), [['bread', 'changed'], ['cake', 'gone']]);
  assert.deepEqual(link.onTheWay(), []);
  // it stays stopped, whatever is offered later, until somebody says so
  delete offered.cake;
  link.wake();
  await new Promise((go) => setTimeout(go, 100));
  assert.deepEqual([link.drafts.length, asked], [2, 3]);
  const [bread, cake] = link.drafts;
  assert.equal(await link.takeBack(bread.id, 'basket', (kept, draft) => ({ kept: kept ?? null, lines: draft.lines })), true);
  assert.deepEqual(storage.meta.get('basket'), { kept: null, lines: [{ item: 'bread' }] });
  assert.equal(await link.takeBack(bread.id, 'basket', () => assert.fail('it is gone')), false);
  await link.discard(cake.id);
  // what the rules refuse is no reason to lose it
  await link.write('order.request', { lines: [{ ...order('tea').lines[0], quantity: -1 }] }, { space: '05'.repeat(32), lines: [{ item: 'tea' }] });
  await until(() => link.drafts[0]?.stopped, 'the refusal');
  assert.deepEqual([link.drafts[0].stopped, link.drafts[0].rule, link.refused], ['refused', 'bad_value', null]);
  await link.discard(link.drafts[0].id);
  assert.deepEqual([link.unsent, link.drafts, storage.meta.get('drafts')], [0, [], []]);
  link.stop();
  await going;
}

// pauses grow, never all at once, and have an end
assert.ok(pause(0, 0) >= 250 && pause(0, 1) <= 500);
assert.ok(pause(3, 0) > pause(1, 1) && pause(50, 1) <= 30000);
{
  const pulse = new Pulse();
  for (let times = 0; times < 3; times += 1) pulse.failed();
  assert.ok(pulse.failed() > 500);
  pulse.calm();
  assert.ok(pulse.failed() <= 500);
  // who is woken before it sleeps does not sleep, once; who sleeps is woken
  pulse.wake();
  await pulse.sleep(null);
  const slept = pulse.sleep(null);
  pulse.wake();
  await slept;
  await pulse.sleep(1);
}

// how far the provider is only grows, until it says anew; what is lacking on either side
{
  const [me, other] = ['a', 'b'];
  const reach = new Reach();
  const ours = [{ author: me, height: 3 }, { author: other, height: 2 }];
  assert.ok(reach.lacks(ours, me) && !reach.isAhead(ours) && reach.sum === 0);
  reach.hear([{ author: other, height: 2 }]);
  // what I wrote myself goes out anyway
  assert.ok(!reach.lacks(ours, me));
  reach.hear([{ author: other, height: 1 }, { author: me, height: 4 }]);
  assert.equal(reach.of(other), 2);
  assert.equal(reach.sum, 6);
  assert.ok(reach.isAhead(ours));
  reach.reset([{ author: other, height: 1 }]);
  assert.ok(reach.lacks(ours, me) && !reach.isAhead(ours) && reach.of(me) === 0);
}

// the same messages in both languages
// a basket: what comes in, what it costs, what has changed since
{
  const { LINES_MAX, stands, total, withLine, withLines, without } = await load('lines.js');
  const bread = { item: 'bread', revision: { $hex: '01' }, title: 'Bread', state: 'active', price_kind: 'fixed', min: 450, max: null, currency: 'EUR' };
  const sizes = [{ name: 'Size', min: 1, max: 1, choices: [{ name: 'small' }, { name: 'large', add_minor: 80 }] }];
  const coffee = { ...bread, item: 'coffee', title: 'Coffee', min: { minor: 300, currency: 'EUR' }, max: { minor: 400, currency: 'EUR' }, options: sizes };
  const cake = { item: 'cake', revision: { $hex: '02' }, title: 'Cake', state: 'active', price_kind: 'quote' };
  const large = [{ name: 'Size', choice: 'large' }];
  let basket = withLine(undefined, bread, 2, [], 1, 'a');
  basket = withLine(basket, coffee, 2, large, 2, 'b');
  basket = withLine(basket, cake, 1, [], 3, 'c');
  assert.deepEqual(total(basket.lines), { low: 900 + 760, high: 900 + 960, currency: 'EUR', open: 1 });
  // the same once more is the same line, whatever order its names come in, also in a later revision
  const turned = Object.fromEntries(Object.entries({ ...bread, revision: { $hex: '03' } }).reverse());
  const more = withLine(basket, turned, 1, [], 4, 'd');
  assert.deepEqual(more.lines.map(({ id, quantity }) => [id, quantity]), [['a', 3], ['b', 2], ['c', 1]]);
  assert.deepEqual(more.lines[0].revision, { $hex: '03' });
  assert.equal(withLine(basket, coffee, 1, [{ name: 'Size', choice: 'small' }], 4, 'd').lines.length, 4);
  const [first, second] = basket.lines;
  assert.equal(stands(first, undefined), 'same');
  assert.equal(stands(first, { ...bread, stock: 1, description: 'new' }), 'same');
  assert.equal(stands(first, { ...bread, min: 500 }), 'changed');
  assert.equal(stands(first, { ...bread, options: sizes }), 'choose');
  assert.equal(stands(second, { ...coffee, options: [{ ...sizes[0], choices: [{ name: 'small' }] }] }), 'choose');
  assert.equal(stands(second, { ...coffee, options: [{ ...sizes[0], choices: [{ name: 'large', add_minor: 90 }] }] }), 'changed');
  assert.equal(stands(first, { ...bread, state: 'paused' }), 'gone');
  assert.equal(stands(first, null), 'gone');
  assert.throws(() => withLine(basket, { ...bread, item: 'sushi', currency: 'JPY' }, 1, [], 5, 'e'), { code: 'basket_currency' });
  assert.throws(() => withLine(basket, bread, 1000000, [], 5, 'e'), { code: 'basket_many' });
  let full = basket;
  for (let n = full.lines.length; n < LINES_MAX; n += 1) full = withLine(full, { ...bread, item: `bread-${n}` }, 1, [], 5, `n${n}`);
  assert.throws(() => withLine(full, { ...bread, item: 'one-more' }, 1, [], 5, 'e'), { code: 'basket_full' });
  // what did not go out comes back beside what is there
  const back = withLines(withLine(undefined, bread, 1, [], 6, 'z'), basket.lines, { note: 'soon' });
  assert.deepEqual(back.lines.map(({ id, quantity }) => [id, quantity]), [['z', 3], ['b', 2], ['c', 1]]);
  assert.deepEqual(back.wish, { note: 'soon' });
  assert.deepEqual(withLines({ lines: [], wish: { note: 'mine' } }, basket.lines, { note: 'soon' }).wish, { note: 'mine' });
  assert.throws(() => withLines(full, basket.lines.map((line) => ({ ...line, item: `other-${line.item}` })), {}), { code: 'basket_full' });
  assert.throws(() => withLines(basket, [{ ...first, offer: { ...first.offer, currency: 'JPY' } }], {}), { code: 'basket_currency' });
  // what is sent goes, and nothing else; what another tab changed is not sent
  assert.deepEqual(without(more, basket.lines), null);
  assert.deepEqual(without(basket, [second]).lines.map(({ id }) => id), ['a', 'c']);
  assert.deepEqual(without({ ...basket, wish: { note: 'x' } }, basket.lines), { lines: [], wish: {} });
  assert.equal(without(undefined, basket.lines), null);
}

const [en, de] = (await Promise.all([load('words-en.js'), load('words-de.js')])).map((it) => it.default);
// what the core and the app say in English themselves has German words alone
const common = (words) => Object.keys(words).filter((key) => !key.startsWith('word.') && !key.startsWith('did.topic.')).sort();
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
