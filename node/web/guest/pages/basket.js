// The basket: what is to be ordered together. It is kept in this browser, by provider and
// space; each change is one step in its database, so tabs don't lose each other's lines.

import { app } from './app.js';
import { empty, withLine } from './lines.js';

/** A name that no other line has. */
export const nameOf = () => crypto.getRandomValues(new Uint32Array(4)).join('-');

/** Under which name it is kept. */
export const place = () => app.basketAt();

/** What is in it. */
export async function read() {
  return empty(await app.storage.get(place()));
}

async function change(make) {
  const basket = await app.storage.change(place(), (kept) => make(empty(kept)));
  app.basketChanged();
  return basket;
}

/** Puts some of an item in, with what is wished for besides, where something is. Gives how many of it are in there now. */
export async function add(columns, quantity, picks, said = {}) {
  const id = nameOf();
  const wished = Object.entries(said).filter(([, text]) => text);
  const { lines } = await change((basket) => {
    const { lines: all, wish: before } = withLine(basket, columns, quantity, picks, Date.now(), id);
    return { lines: all, wish: { ...before, ...Object.fromEntries(wished) } };
  });
  return lines.filter(({ item }) => item === columns.item).reduce((sum, it) => sum + it.quantity, 0);
}

/** Other numbers, or what has changed is accepted. */
export const set = (id, fields) => change(({ lines, wish }) => ({ wish, lines: lines.map((it) => (it.id === id ? { ...it, ...fields } : it)) }));

/** Takes a line out. */
export const remove = (id) => change(({ lines, wish }) => ({ wish, lines: lines.filter((it) => it.id !== id) }));

/** Keeps what is wished for besides. */
export const wish = (said) => change(({ lines }) => ({ lines, wish: said }));
