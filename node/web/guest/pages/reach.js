// How far the provider has a relation, as it said last: for each author the number of its
// entries. It is held against what this browser has, given as the same list.

export class Reach {
  #heights = new Map();

  /** Begins anew with what is said now: the provider may have gone back to a backup. */
  reset(heights = []) {
    this.#heights = new Map(heights.map(({ author, height }) => [author, height]));
  }

  /** Within a session it only grows. */
  hear(heights) {
    for (const { author, height } of heights) this.#heights.set(author, Math.max(height, this.of(author)));
  }

  /** How many entries of an author it has. */
  of(author) {
    return this.#heights.get(author) ?? 0;
  }

  /** How many it has of all of them. */
  get sum() {
    return [...this.#heights.values()].reduce((sum, height) => sum + height, 0);
  }

  /** As a list. */
  get heights() {
    return [...this.#heights].map(([author, height]) => ({ author, height }));
  }

  /** Whether something that others than `me` wrote is here, and the provider has it not. */
  lacks(ours, me) {
    return ours.some(({ author, height }) => author !== me && height > this.of(author));
  }

  /** Whether it has something that is not here. */
  isAhead(ours) {
    const here = new Map(ours.map(({ author, height }) => [author, height]));
    return this.heights.some(({ author, height }) => height > (here.get(author) ?? 0));
  }
}
