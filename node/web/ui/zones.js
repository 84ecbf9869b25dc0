// Instants and the clocks on walls: the reader's, and that of where something takes place.

import { locale } from './words.js';

export const DAY = 86400000;
let reader;
/** The zone of the reader's clock; asking a browser for it the first time takes a while. */
export const here = () => (reader ??= Intl.DateTimeFormat().resolvedOptions().timeZone);

const formats = new Map();
function parts(ms, zone) {
  if (!formats.has(zone)) {
    formats.set(zone, new Intl.DateTimeFormat('en-GB', { timeZone: zone, hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' }));
  }
  return Object.fromEntries(formats.get(zone).formatToParts(ms).map(({ type, value }) => [type, Number(value)]));
}

/** Whether a zone is known here. */
export function isZone(zone) {
  try { parts(0, zone); return true; } catch { return false; }
}

/** Milliseconds by which the clock of a zone is ahead of UTC at an instant. */
export function offset(ms, zone) {
  const { year, month, day, hour, minute, second } = parts(ms, zone);
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(ms / 1000) * 1000;
}

/** What the clock of a zone shows, as milliseconds of a day in UTC. */
export const wall = (ms, zone) => ms + offset(ms, zone);

/** The instant at which the clock of a zone shows something; in an hour that is skipped, behind it. */
export function instantAt(wallMs, zone) {
  const guess = wallMs - offset(wallMs, zone);
  const better = wallMs - offset(guess, zone);
  return offset(better, zone) === wallMs - better ? better : Math.max(guess, better);
}

/** The day of an instant in a zone: days since 1970. */
export const dayOf = (ms, zone) => Math.floor(wall(ms, zone) / DAY);
/** The instant at which a day begins in a zone. */
export const dayBegin = (day, zone) => instantAt(day * DAY, zone);
/** 0 is Monday. */
export const weekday = (day) => (day + 3) % 7;

/** What is typed into a field of a date and time, in a zone. */
export const fromField = (text, zone) => {
  const at = Date.parse(`${text}Z`);
  return Number.isNaN(at) ? null : instantAt(at, zone);
};
/** What such a field shows for an instant. */
export const toField = (ms, zone) => new Date(wall(ms, zone)).toISOString().slice(0, 16);

const shown = (zone, options) => new Intl.DateTimeFormat(locale, { timeZone: zone, ...options });
/** Hours and minutes in a zone. */
export const clock = (ms, zone) => shown(zone, { hour: '2-digit', minute: '2-digit' }).format(ms);
/** The name of a day, given as days since 1970. */
export const dayName = (day, options = { weekday: 'short', day: 'numeric', month: 'short' }) => shown('UTC', options).format(day * DAY);
/** Day and time in a zone. */
export const full = (ms, zone) => shown(zone, { dateStyle: 'medium', timeStyle: 'short' }).format(ms);

const between = (start, end, zone) => `${full(start, zone)} – ${dayOf(start, zone) === dayOf(end, zone) ? clock(end, zone) : full(end, zone)}`;
/** A stretch of time where it takes place, and whose clock that is: on paper nobody knows the reader's. */
export const placed = (start, end, zone) => `${between(start, end, zone)} (${zone})`;

/** A stretch of time where it takes place, and by the reader's clock where that differs. */
export function stretch(start, end, zone, yours) {
  const of = (zone) => between(start, end, zone);
  const same = offset(start, zone) === offset(start, here()) && offset(end, zone) === offset(end, here());
  return same ? of(zone) : `${of(zone)} (${zone}); ${yours} ${of(here())} (${here()})`;
}
