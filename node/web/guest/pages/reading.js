// What is here of a relation: read from the core, which has the entries in memory. Nothing is
// asked of anybody else.

import { CoreError } from './core.js';

export class Reading {
  #core;

  constructor(core) {
    this.#core = core;
    /** The relation; null where there is none yet. */
    this.topic = null;
  }

  /** Whether the relation is here and can be written to. */
  get ready() {
    if (!this.topic) return false;
    try {
      return this.#core.ask('rows', { topic: this.topic }).ok !== null;
    } catch {
      return false;
    }
  }

  /** How much of the relation is here: for each author the number of its entries. */
  heights() {
    return this.#core.ask('heights', { topic: this.topic }).ok;
  }

  /** The rows of the relation, by table; null where there is none yet. */
  rows() {
    return this.#read('rows');
  }

  /** The history of the relation; its signatures were checked when it came in. */
  history() {
    return this.#read('history');
  }

  /** The same, every signature checked once more. */
  audit() {
    return this.#read('audit');
  }

  /** What the app of the relation says of itself. */
  manifest() {
    return this.#read('manifest');
  }

  #read(op) {
    if (!this.topic) return null;
    try {
      return this.#core.ask(op, { topic: this.topic }).ok;
    } catch (error) {
      if (error instanceof CoreError && ['no_topic', 'no_rules'].includes(error.code)) return null;
      throw error;
    }
  }

  /** What the rules would say. */
  attempt(kind, body, erasable) {
    return this.#core.ask('try', { topic: this.topic, kind, body, erasable }).ok;
  }

  /** The code for the door. */
  code(entry, label = 'handover') {
    return this.#core.ask('secret', { topic: this.topic, entry, label }).ok;
  }

  /** The recovery words, as long as the root key is here. */
  words() {
    return this.#core.ask('words').ok.words;
  }

  /** Whether words are those of the root key. */
  isRoot(words) {
    return this.#core.ask('is_root', { words }).ok;
  }

  /** By what some bytes are named. */
  hash(bytes) {
    return this.#core.ask('hash', {}, bytes).ok;
  }

  /** All that is here, as a bundle. */
  export() {
    return this.#core.ask('export').bytes;
  }
}
