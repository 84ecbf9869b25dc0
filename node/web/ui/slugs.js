// Short names: what a name suggests, and whether one is there already. An event of a name that
// is there would replace what it names, and nobody means that where something is added.

import { api } from './app.js';

/** A short name that a title suggests. */
export const slugOf = (title) => title.normalize('NFKD').toLowerCase().replaceAll('ß', 'ss').replace(/[\u0300-\u036f]/g, '').replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 40);

/** Whether a table has a row of this key. */
export async function isThere(topic, view, key) {
  // the key itself comes before all that begin with it
  const { rows } = await api.rows(topic, view, { prefix: key, limit: 1 });
  return rows[0]?.key === key;
}

/** A name, and what it is called where it is there already: with 2, with 3, … */
export function* names(slug) {
  yield slug;
  for (let n = 2; ; n += 1) yield `${slug}-${n}`;
}
