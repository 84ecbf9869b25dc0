// Times that are taken in a space for bookings: taken before a booking is confirmed, and freed
// again where it came to nothing.

import { api } from './app.js';
import { digits } from './format.js';
import { DAY } from './zones.js';

/** Resources of all spaces in which this device decides. */
export async function ownResources({ topics, me }) {
  const spaces = topics.filter((topic) => topic.app === 'space' && topic.sequencer === me.device);
  const all = await Promise.all(spaces.map(async (space) => {
    const found = [];
    for await (const row of api.allRows(space.topic, 'resources')) found.push({ ...row.columns, space: space.topic, spaceName: space.name });
    return found;
  }));
  return { spaces, resources: all.flat() };
}

/** Rows of bookings of all relations, as far as there are not very many. */
export async function allBetween(view, query) {
  const found = [];
  let after;
  do {
    const page = await api.appRows('relation', view, { ...query, limit: 1000, after });
    found.push(...page.rows);
    after = page.next;
  } while (after && found.length < 20000);
  return found;
}

/** Finds the resource of a booking among some. */
export const knownOf = (resources) => (row) => resources.find((it) => it.space === digits(row.columns.space) && it.resource === row.columns.resource);

const takeKey = (row) => `take:${row.topic}:${digits(row.columns.booking)}`;
/** What is remembered where the browser keeps nothing: as long as the page is there. */
const memory = new Map();
const remembered = (key, value) => {
  if (value === null) memory.delete(key);
  else if (value !== undefined) memory.set(key, value);
  try {
    if (value === undefined) return localStorage.getItem(key);
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch { /* a private window forgets */ }
  return memory.get(key) ?? null;
};

/** Times that are to be free again, by their takes: written down before it is tried, and until it came to pass. */
const OWED = 'owed:slots';
const owed = () => { try { return JSON.parse(remembered(OWED) ?? '[]'); } catch { return []; } };
const owing = (list) => remembered(OWED, list.length ? JSON.stringify(list) : null);
export const owe = (one) => owing([...owed().filter((it) => it.take !== one.take), one]);
export const disown = (take) => owing(owed().filter((it) => it.take !== take));

/** Notes times that still stand for bookings that came to nothing: customers cancel, and the space is not theirs. */
export async function abandoned(known) {
  // what began the day before may still be going on
  const rows = await allBetween('bookings', { index: 'by_start', from: Date.now() - DAY });
  const off = rows.filter((row) => row.columns.take && ['cancelled', 'declined'].includes(row.columns.state) && row.columns.end > Date.now() && known(row));
  await Promise.all(off.map(async (row) => {
    const { space, resource } = known(row);
    const take = digits(row.columns.take);
    const { rows: [slot] } = await api.rows(space, 'slots', { prefix: `slot/${take}` });
    if (slot) owe({ space, resource, take, topic: row.topic, key: row.key });
  }));
}

/** Frees what is to be free again, unless a booking stands on it after all. Gives how much is left to be tried later. */
export async function settle() {
  for (const { space, resource, take, topic, key } of owed()) {
    try {
      const { rows: [row] } = await api.get(`/topics/${topic}/rows/bookings/${encodeURIComponent(key)}`);
      const stands = row && digits(row.columns.take) === take && ['confirmed', 'attended', 'no_show'].includes(row.columns.state);
      // what is refused is free already
      if (!stands) await api.send(space, 'slot.free', { body: { resource, take } }).catch((error) => { if (error.status !== 422) throw error; });
      disown(take);
    } catch { /* it is tried again when the calendar is next shown */ }
  }
  return owed().length;
}

/** Takes the slot in the space; then the relation is told, with the take as evidence. If that is refused the slot is free again. */
export async function withTake(row, resource, start, end, replaces, then) {
  const { columns } = row;
  const booking = digits(columns.booking);
  const key = `${takeKey(row)}:${start}-${end}`;
  // a page that was closed in between has taken it already
  let take = remembered(key);
  if (!take) {
    const body = { resource: columns.resource, start, end, seats: columns.seats };
    if (replaces) body.replaces = { $hex: replaces };
    take = (await api.send(resource.space, 'slot.take', { body, for: booking })).id;
    remembered(key, take);
  }
  disown(take);
  try {
    await then(booking, take);
  } catch (error) {
    if (error.status === 422) {
      // where it was told before and the answer was lost, the booking stands on it
      owe({ space: resource.space, resource: columns.resource, take, topic: row.topic, key: row.key });
      remembered(key, null);
      await settle();
    }
    throw error;
  }
  remembered(key, null);
}

/** Frees the times of bookings that customers cancelled, on whatever screen the owner is. */
export async function tidied() {
  const [{ topics }, me] = await Promise.all([api.get('/topics'), api.get('/whoami')]);
  const { resources } = await ownResources({ topics, me });
  if (!resources.length) return;
  await abandoned(knownOf(resources));
  await settle();
}
