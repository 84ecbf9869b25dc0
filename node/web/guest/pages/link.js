// One customer and one provider: keys, the relation, what goes out and what comes in. It
// works without the provider for as long as need be: what is written is stored and signed,
// and goes out when the provider is reached again.

import { DoorError } from './door.js';
import { CoreError } from './core.js';
import { Following } from './following.js';
import { isToSee } from './lines.js';
import { PINS } from './pins.js';
import { Pulse } from './pulse.js';
import { Reach } from './reach.js';
import { Reading } from './reading.js';
import { Forgotten } from './storage.js';

/** Milliseconds before an owner who was asked is asked again. */
const ASKED = 15000;

export class Link extends Reading {
  #core;
  #storage;
  #door;
  #told;
  #look;
  /** The device whose keys are loaded. */
  #device = null;
  #pulse = new Pulse();
  #following;
  #ended = false;
  #theirs = new Reach();
  #turn = Promise.resolve();
  /** A session has begun, and whether the provider lacks anything was not looked at yet. */
  #unsure = false;

  /**
   * `told` is called when something that is shown may have changed. `look` says why a draft
   * with lines of a basket must not go out as it is, or null.
   */
  constructor({ core, storage, door, told, look }) {
    super(core);
    this.#core = core;
    this.#storage = storage;
    this.#door = door;
    this.#told = told;
    this.#look = look ?? (async () => null);
    this.#following = new Following(door, { heard: (heights) => this.#heard(heights), over: (...why) => this.#unheard(...why) });
    this.me = null;
    this.space = null;
    this.online = false;
    this.asked = false;
    this.problem = null;
    this.refused = null; // why a draft could not be signed
    // called when something was written, or all was forgotten: other tabs want to know
    this.onwritten = this.onforgotten = null;
    this.unsent = 0;
    this.drafts = [];
    /** Whether the provider had lost some of the relation, and was given it back. */
    this.restored = false;
  }

  /** Takes up what was stored. */
  async open() {
    for (const pin of PINS) this.#core.ask('pin', pin);
    await this.reload();
  }

  /** Reads what was stored once more: another tab may have written. */
  async reload() {
    const keys = await this.#storage.keys();
    // another tab has forgotten them, and may have made others since
    if (this.me && keys?.device !== this.#device) this.#drop();
    this.#device = keys?.device ?? null;
    if (!keys) return;
    if (!this.me) this.#core.ask('load_keys', { keys });
    const { records, bytes } = await this.#storage.records();
    const { bytes: bundle } = this.#core.ask('bundle', { records }, bytes);
    this.#core.ask('load', {}, bundle);
    this.me = this.#core.ask('me').ok;
    const relation = await this.#storage.get('relation');
    this.topic = relation?.topic ?? null;
    this.space = relation?.space ?? null;
    this.drafts = (await this.#storage.get('drafts')) ?? [];
    // what the provider said in this session counts for more than what it said once
    const sent = this.#door.token ? null : await this.#storage.get('sent');
    if (sent?.topic === this.topic && this.topic) this.#theirs.hear([{ author: this.me.device, height: sent.height }]);
    await this.#rules();
    this.#count();
  }

  /** Makes keys, where there are none. */
  async begin(name) {
    await this.#storage.alone(async () => {
      await this.reload();
      if (this.me) return;
      const { ok, bytes } = this.#core.ask('make', { name });
      try {
        await this.#storage.begin(ok.keys, ok.record, bytes);
      } catch (error) {
        this.#core.ask('forget');
        throw error;
      }
      this.me = this.#core.ask('me').ok;
      this.#device = ok.keys.device;
    });
    // kept even when the browser wants room; it may say no
    globalThis.navigator?.storage?.persist?.().catch(() => {});
    this.wake();
  }

  /** The rules of the relation, from the provider or from what was stored. */
  async #rules() {
    if (!this.topic) return;
    let hash;
    try {
      hash = this.#core.ask('reducer', { topic: this.topic }).ok;
    } catch {
      return;
    }
    if (this.#core.hasReducer(hash)) return;
    let module = await this.#storage.get(`reducer/${hash}`);
    if (!module) {
      module = await this.#door.reducer(hash).catch(() => null);
      if (!module) return;
      const { ok: found } = this.#core.ask('hash', {}, module);
      if (found !== hash) throw new Error('the provider gave other rules than those that the relation names');
      await this.#storage.put(`reducer/${hash}`, module);
    }
    await this.#core.addReducer(hash, module);
  }

  /** Takes the root key off this browser. */
  async dropRoot() {
    await this.#storage.alone(async () => {
      const { ok } = this.#core.ask('drop_root');
      await this.#storage.note('keys', ok.keys);
    });
    this.me = this.#core.ask('me').ok;
  }

  /** Forgets keys and entries. */
  async forget() {
    this.stop();
    await this.#storage.alone(() => this.#storage.clear());
    this.#drop();
    this.onforgotten?.();
  }

  /** The keys are not here any more. */
  #drop() {
    this.#core.ask('forget');
    this.#door.token = null;
    this.#following.stop();
    this.#theirs.reset();
    Object.assign(this, { me: null, topic: null, space: null, drafts: [], unsent: 0, asked: false });
  }

  /**
   * Writes an event: signed and stored, then sent. Where there is no relation yet it is kept
   * as a draft, and signed when there is one. Gives the entry, or null for a draft.
   *
   * What has `lines` of a basket is kept as a draft, too, as long as it was not `looked` at
   * (when) what the provider offers: that is done before it goes out.
   */
  async write(kind, body, { erasable, space, lines, wish, looked } = {}) {
    if (!this.ready || isToSee({ lines, looked })) {
      const draft = { kind, body, erasable, space, lines, wish, looked };
      this.drafts = await this.#mine(() => this.#storage.addDraft(draft));
      this.#count();
      this.#told();
      this.wake();
      return null;
    }
    const signed = await this.#sign(kind, body, erasable);
    this.wake();
    return signed;
  }

  /**
   * Writes what was kept under a name until now: it becomes a draft in the step in which it is
   * taken from there, so it is written once, whoever does it in which tab. `take` gives what is
   * left of it, or null. Gives whether it was written.
   */
  async writeOut(name, draft, take) {
    if (this.ready && !isToSee(draft)) {
      // what the rules refuse stays where it is
      const { verdict } = this.attempt(draft.kind, draft.body, draft.erasable);
      if (verdict !== 'accepted') throw new CoreError({ code: 'rejected', rule: verdict, text: verdict });
    }
    const drafts = await this.#mine(() => this.#storage.draftOut(name, draft, take));
    if (!drafts) return false;
    this.drafts = drafts;
    await this.#signDrafts();
    this.#count();
    this.#told();
    this.wake();
    return true;
  }

  /** Takes a draft back before it is signed: what `make` makes of it is kept under a name. Gives whether it was there. */
  async takeBack(id, name, make) {
    const drafts = await this.#storage.draftBack(id, name, make);
    if (!drafts) return false;
    this.#left(drafts);
    return true;
  }

  /** Throws a draft away. */
  async discard(id) {
    this.#left(await this.#storage.dropDraft(id));
  }

  #left(drafts) {
    this.drafts = drafts;
    this.#count();
    this.onwritten?.();
    this.#told();
  }

  /** Whether an entry has not come to the provider, as far as this browser knows. */
  isOnTheWay({ device, seq }) {
    return device === this.me?.device && seq >= this.#theirs.of(device);
  }

  /** All such entries: nothing else is on its way. */
  onTheWay() {
    // a history is long, and mostly there is none
    if (this.unsent <= this.drafts.length) return [];
    return (this.history()?.events ?? []).filter((event) => this.isOnTheWay(event));
  }

  /** Looks at what was written while nobody could say whether it is still offered; what is not stays here. */
  async #lookAtDrafts() {
    for (const draft of (await this.#storage.get('drafts')) ?? []) {
      if (!isToSee(draft) || draft.stopped) continue;
      const stopped = await this.#look(draft);
      const looked = Date.now();
      const seen = (it) => (it.id === draft.id ? { ...it, looked, stopped } : it);
      this.drafts = await this.#storage.change('drafts', (drafts) => (drafts ?? []).map(seen));
      if (stopped) this.#left(this.drafts);
    }
  }

  /** Does something with these keys; where another tab has forgotten them, this one does so, too. */
  async #mine(act) {
    try {
      return await act();
    } catch (error) {
      if (error instanceof Forgotten) await this.reload().then(this.#told);
      throw error;
    }
  }

  /** Signs and stores, while no other tab does. Gives nothing for a draft that another tab signed. */
  async #signAlone({ kind, body, erasable, id }) {
    for (let tries = 0; ; tries += 1) {
      const { ok, bytes } = this.#core.ask('write', { topic: this.topic, kind, body, erasable });
      let stored = null;
      try {
        stored = await this.#storage.addOwn(ok.record, bytes, id);
      } finally {
        this.#core.ask(stored === 'kept' ? 'kept' : 'dropped');
      }
      if (stored === 'kept') return ok;
      if (stored === 'gone') return null;
      if (tries === 3) throw new Error('another tab writes all the time');
      // another tab was there before: what it wrote is read first
      await this.reload();
    }
  }

  async #sign(kind, body, erasable) {
    const signed = await this.#mine(() => this.#storage.alone(() => this.#signAlone({ kind, body, erasable })));
    this.#count();
    this.#told();
    this.onwritten?.();
    return signed;
  }

  /** Signs what was wanted before there was a relation. */
  async #signDrafts() {
    if (!this.drafts.length || !this.ready) return;
    let signed = 0;
    // a draft goes in the step in which its entry comes: it is signed once, whoever crashes
    await this.#storage.alone(async () => {
      const waiting = async () => ((await this.#storage.get('drafts')) ?? []).filter((draft) => !draft.stopped && !isToSee(draft));
      for (let [draft] = await waiting(); draft; [draft] = await waiting()) {
        try {
          await this.#signAlone(draft);
          signed += 1;
        } catch (error) {
          // the rules refuse it: it is shown, and does not stand in the way of others
          if (!(error instanceof CoreError) || !['rejected', 'usage'].includes(error.code)) throw error;
          signed += 1;
          if (draft.lines) {
            // an order can go back into the basket
            const told = (it) => (it.id === draft.id ? { ...it, stopped: 'refused', rule: error.rule } : it);
            await this.#storage.change('drafts', (drafts) => (drafts ?? []).map(told));
            continue;
          }
          this.refused = error;
          await this.#storage.dropDraft(draft.id);
        }
      }
      this.drafts = (await this.#storage.get('drafts')) ?? [];
    });
    this.#count();
    // what waits on is no news: tabs would tell each other without end
    if (signed) this.onwritten?.();
    this.#told();
  }

  #count() {
    this.unsent = this.drafts.length;
    if (!this.topic || !this.me) return;
    try {
      const height = this.#theirs.of(this.me.device);
      this.unsent += this.#core.ask('unsent', { topic: this.topic, height }).ok.count;
    } catch { /* the relation is not here yet */ }
  }

  /** Goes on at once. */
  wake() {
    this.#pulse.calm();
    this.#pulse.wake();
  }

  stop() {
    this.#ended = true;
    this.#following.stop();
    this.#pulse.wake();
  }

  /** Keeps up with the provider until it is stopped. */
  async run() {
    this.#ended = false;
    while (!this.#ended) {
      let wait = null;
      try {
        wait = await this.#mine(() => this.#meet());
        this.#pulse.calm();
        this.problem = null;
      } catch (error) {
        if (this.#ended) return;
        this.#following.stop();
        // the next session tells how far the provider has it: it may have gone back to a backup
        const lacks = error instanceof DoorError && (error.code === 'missing_ancestor' || error.status === 404);
        if (error.status === 401 || lacks) this.#door.token = null;
        const away = error instanceof DoorError && (error.status === 0 || error.status === 401 || error.code === 'too_often');
        if (lacks && error.status === 404 && this.topic) error.code = 'relation_lost';
        if (!away) this.problem = error;
        if (error instanceof DoorError) this.#reached(error.status !== 0);
        const longer = this.#pulse.failed();
        wait = error.after ? error.after * 1000 : longer;
        this.#told();
      }
      await this.#pulse.sleep(wait);
    }
  }

  /** Nobody looks: it listens no more. What is ours goes out as before. */
  rest() {
    this.#following.rest(true);
  }

  /** Somebody looks again. */
  rise() {
    this.#following.rest(false);
    this.wake();
  }

  #reached(online) {
    if (this.online === online) return;
    this.online = online;
    this.#told();
  }

  /** One round: session, relation, what is theirs, what is ours. Gives how long to wait. */
  async #meet() {
    if (!this.me) return this.#greet();
    if (!this.#door.token) {
      const { relations } = await this.#door.session((asked) => {
        const { ok, bytes } = this.#core.ask('session', asked);
        return { ...ok, bundle: bytes };
      });
      this.#reached(true);
      const known = relations.find((relation) => relation.app === 'relation');
      if (known && known.topic !== this.topic) await this.#adopt(known.topic);
      await this.#begun(known);
    }
    await this.#lookAtDrafts();
    if (!this.topic) {
      const space = this.drafts.find((draft) => draft.space && !draft.stopped)?.space;
      // nothing was wanted yet: a look at the catalog founds nothing
      if (!space) return this.#greet();
      const topic = await this.#door.found(space);
      this.asked = topic === null;
      this.#told();
      if (!topic) return ASKED;
      await this.#adopt(topic, space);
    }
    if (this.#unsure) {
      if (this.#theirs.lacks(this.heights(), this.me.device)) await this.#giveBack();
      this.#unsure = false;
    }
    await this.#pull();
    await this.#rules();
    await this.#lookAtDrafts();
    await this.#signDrafts();
    await this.#push();
    this.#reached(true);
    this.#following.follow(this.topic);
    return null;
  }

  /** Whether the provider is there, for who has nothing to ask it for. */
  async #greet() {
    await this.#door.here();
    this.#reached(true);
    return null;
  }

  /** A session has begun. How far the provider has the relation is what it says now. */
  async #begun(known) {
    this.#unsure = true;
    this.#theirs.reset(known?.heights);
    if (!this.topic) return;
    // founded, and lost by the provider before anything of it came here: it is wished for again
    if (!known && !this.heights().length) return this.#adopt(null);
    await this.#storage.note('sent', { topic: this.topic, height: this.#theirs.of(this.me.device) });
    this.#count();
  }

  /** Gives the provider what it has lost: its node was restored from a backup. */
  async #giveBack() {
    for (let more = true; more;) {
      const { ok, bytes } = this.#core.ask('lacking', { topic: this.topic, heights: this.#theirs.heights });
      if (!ok.count) break;
      const before = this.#theirs.sum;
      const { took, heights = [] } = await this.#door.push(this.topic, bytes);
      this.#theirs.hear(heights);
      if (this.#theirs.sum <= before) throw new DoorError({ code: 'not_taken', title: 'the provider did not take an entry' }, 0);
      this.restored ||= took > 0;
      more = ok.more;
      this.#count();
      this.#told();
    }
    await this.#storage.note('sent', { topic: this.topic, height: this.#theirs.of(this.me.device) });
  }

  async #adopt(topic, space = this.space) {
    await this.#storage.note('relation', { topic, space });
    Object.assign(this, { topic, space, asked: false });
    this.#told();
  }

  async #pull() {
    for (let more = true; more;) {
      const answer = await this.#door.pull(this.topic, this.heights());
      const { ok, bytes } = this.#core.ask('take', { topic: this.topic }, answer.bundle);
      await this.#storage.addGot(ok.records, bytes);
      // a node that gives what is no news, or what is refused, would be asked for ever
      more = answer.more && ok.entries > 0;
      if (ok.entries) this.#told();
    }
  }

  async #push() {
    for (let more = true; more;) {
      const height = this.#theirs.of(this.me.device);
      const { ok, bytes } = this.#core.ask('unsent', { topic: this.topic, height });
      if (!ok.count) break;
      const answer = await this.#door.push(this.topic, bytes);
      this.#theirs.hear(answer.heights ?? []);
      const now = this.#theirs.of(this.me.device);
      if (now <= height) throw new DoorError({ code: 'not_taken', title: 'the provider did not take an entry' }, 0);
      more = ok.more;
      await this.#storage.note('sent', { topic: this.topic, height: now });
      this.#count();
      this.#told();
    }
    this.#count();
  }

  #heard(heights) {
    this.#theirs.hear(heights);
    this.#reached(true);
    // one after the other: what is stored must not overtake what is asked for
    this.#turn = this.#turn.then(async () => {
      if (this.#theirs.isAhead(this.heights())) { await this.#pull(); await this.#rules(); }
      this.#count();
      this.#told();
    }).catch(() => this.#pulse.wake());
  }

  /** The stream broke: a reason to meet again, which tells whether the provider is still there. */
  #unheard(error, wait) {
    if (this.#ended) return;
    if (error?.status === 401) this.#door.token = null;
    setTimeout(() => this.#pulse.wake(), wait);
  }
}
