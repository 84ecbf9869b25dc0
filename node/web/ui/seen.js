// Which messages of relations were on this browser's screen, and which are new.

import { digits } from './format.js';

/** Messages of all relations that are looked at for what is new. */
export const LATEST = { index: 'by_at', desc: true, limit: 200 };

const nameOf = (row) => digits(row.columns.entry).slice(0, 16);

/** The messages of a relation that were on its screen, for this browser; `rows` are there now. */
export function seen(topic, rows) {
  const key = `seen:${topic}`;
  try {
    if (rows) {
      localStorage.setItem(key, JSON.stringify(rows.map(nameOf)));
      document.dispatchEvent(new Event('seen'));
    }
    return new Set(JSON.parse(localStorage.getItem(key) ?? '[]'));
  } catch {
    // a private window forgets
    return new Set();
  }
}

/** The last message of each relation, and how many of the other side's are new. `rows` are the newest of all, newest first. */
export function latestOf(rows, mine) {
  const of = new Map();
  for (const row of rows) {
    if (!of.has(row.topic)) of.set(row.topic, { last: row, fresh: 0, known: seen(row.topic), isAnswered: false });
    const it = of.get(row.topic);
    // who answered, here or on another device, has read what was said before
    if (mine(row.columns.author)) it.isAnswered = true;
    else if (!it.isAnswered && !it.known.has(nameOf(row))) it.fresh += 1;
  }
  return of;
}
