// The stream by which the provider tells how far a relation goes. One that breaks is opened
// again later and later, by whoever asks how things stand: others may hold all that there are.

import { Pulse } from './pulse.js';

export class Following {
  #door;
  #heard;
  #over;
  #open = null;
  #resting = false;
  #pulse = new Pulse();

  /** `heard` is given the heights; `over` is called when it is time to ask again, with why. */
  constructor(door, { heard, over }) {
    this.#door = door;
    this.#heard = heard;
    this.#over = over;
  }

  /** Listens, unless it does already or nobody looks. */
  follow(topic) {
    if (this.#open || this.#resting) return;
    const open = new AbortController();
    this.#open = open;
    const over = (error) => {
      if (this.#open !== open) return;
      this.#open = null;
      this.#over(error, this.#pulse.failed());
    };
    this.#door.stream(topic, (heights) => {
      this.#pulse.calm();
      this.#heard(heights);
    }, open.signal).then(over, over);
  }

  /** Listens no more. */
  stop() {
    const open = this.#open;
    this.#open = null;
    open?.abort();
  }

  /** Nobody looks, until somebody does. */
  rest(isResting) {
    this.#resting = isResting;
    if (isResting) this.stop();
  }
}
