// When something that goes on for ever goes on: at once when somebody wants something, later
// and later while it fails, and never at the same moment as everybody else.

/** Milliseconds before a provider is called again: at first, and at most. */
const PAUSE = [500, 30000];

/** How long to wait after so many failures: twice as long each time, and never all at once. */
export function pause(failures, random = Math.random()) {
  const longest = Math.min(PAUSE[0] * 2 ** Math.min(failures, 20), PAUSE[1]);
  return longest / 2 + (longest / 2) * random;
}

export class Pulse {
  #failures = 0;
  #again = false;
  #wake = () => { this.#again = true; };

  /** It went well. */
  calm() {
    this.#failures = 0;
  }

  /** It failed. Gives how long to wait. */
  failed() {
    const wait = pause(this.#failures);
    this.#failures += 1;
    return wait;
  }

  /** Ends a sleep, or the next one before it begins. */
  wake() {
    this.#wake();
  }

  /** Waits so many milliseconds, or, with null, until somebody wakes it. */
  sleep(ms) {
    // somebody wanted something while we were busy
    if (this.#again) {
      this.#again = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const awake = () => { this.#wake = () => { this.#again = true; }; resolve(); };
      const timer = ms === null ? null : setTimeout(awake, ms);
      this.#wake = () => { clearTimeout(timer); awake(); };
    });
  }
}
