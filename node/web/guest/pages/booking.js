// Booking a time: what is free follows from the hours and what is taken, as the provider
// shows them; who is late is told so by the rules.

import { h, put } from './elements.js';
import { locale, t } from './words.js';
import { digits, ofUnit } from './format.js';
import { app, heading, say, to } from './app.js';
import { city } from './clock.js';
import { asks } from './early.js';
import { bytes, field, form, problem } from './form.js';
import { free, instantAt, left, near, wall } from './slots.js';

const DAY = 86400000;
/** Days that stand beside each other, and weeks in which a free day is looked for. */
const STRIP = 7;
const WEEKS = 8;
/** Pages of what is taken that are read. */
const PAGES = 10;
const LENGTHS = [30, 45, 60, 90, 120, 180, 240, 480];
const STEP = 30 * 60000;
/** Other times that are offered where one is gone. */
const OTHERS = 6;
/** Milliseconds after which it is asked again whether a time is still free. */
const AGAIN = 10000;

/** Formats for what the clock of a place shows: that is not the reader's. */
const clock = new Intl.DateTimeFormat(locale, { timeStyle: 'short', timeZone: 'UTC' });
const full = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' });
const day = (shown) => new Date(shown).toISOString().slice(0, 10);
/** What the reader's clock shows, in the same way. */
const mine = (at) => at - new Date(at).getTimezoneOffset() * 60000;

/** A day as it stands beside others. */
const short = new Intl.DateTimeFormat(locale, { weekday: 'short', day: 'numeric', timeZone: 'UTC' });

/** A time by the clock of where it takes place, and by the reader's where that differs. */
export function stretch(resource, start, end) {
  const of = (shows) => `${full.format(shows(start))} – ${(day(shows(start)) === day(shows(end)) ? clock : full).format(shows(end))}`;
  const there = (at) => wall(resource, at);
  if (!resource?.offsets?.length || (there(start) === mine(start) && there(end) === mine(end))) return of(mine);
  return `${of(there)} (${city(resource.zone)}); ${t('book.yours')} ${of(mine)}`;
}

/** When something begins, by the clock of where it takes place. */
export const begins = (resource, at) => full.format(resource?.offsets?.length ? wall(resource, at) : mine(at));

/** The resource of a booking as it was seen last; nothing is asked for. */
export async function known({ space, resource: slug }) {
  if (digits(space) !== app.space) return null;
  const kept = await app.storage.get(`cache/${app.space}/resources`).catch(() => null);
  return kept?.rows.find(({ columns }) => columns.resource === slug)?.columns ?? null;
}

/** What is taken of a resource around some time; what began long before may still go on. */
async function takenAround(resource, from, to) {
  const query = { index: 'by_start', equal: [resource], from: from - 30 * DAY, to, limit: 1000 };
  const found = [];
  for (let page = 0, after; page === 0 || (after && page < PAGES); page += 1) {
    const { rows, next } = await app.cached(`slots ${resource} ${from} ${after ?? ''}`, () => app.door.rows(app.space, 'slots', { ...query, after }), true);
    found.push(...rows.map(({ columns }) => columns));
    after = next;
  }
  return found;
}

/** For a booking that has no answer yet, or was declined: whether its time is gone, and what is free near it. */
export function elsewhere({ state, space, resource: slug, start, end, seats }) {
  const box = h('div', { 'aria-live': 'polite' });
  const look = async () => {
    const { rows } = await app.cached(...asks.resources(app.space));
    const resource = rows.find(({ columns }) => columns.resource === slug)?.columns;
    if (!resource || start <= Date.now()) return;
    const taken = await takenAround(slug, start - 2 * DAY, start + 8 * DAY);
    const gone = left(resource, taken, start, end) < seats;
    if (gone || state === 'declined') {
      const others = near(resource, taken, { start, end, seats, now: Date.now(), step: STEP, most: OTHERS });
      const link = (slot) => h('li', null, h('a', { class: 'button', href: to('book', slug, slot.start, (end - start) / 60000, seats) }, begins(resource, slot.start)));
      put(box, h('p', { class: 'warn' }, t(gone ? 'book.gone' : 'book.declined')),
        others.length > 0 && [h('h2', null, t('book.others')), h('ul', { class: 'slots' }, others.map(link))]);
      return;
    }
    setTimeout(() => { if (box.isConnected) look().catch(() => {}); }, AGAIN);
  };
  if (['pending', 'declined'].includes(state) && digits(space) === app.space) look().catch(() => {});
  return box;
}

/** Chooses a resource, a day and a time; one may be chosen already. */
export async function book({ parts: [chosen, at, minutes, many] }) {
  const { rows } = await app.cached(...asks.resources(app.space));
  if (!rows.length) return [heading(t('book')), h('p', { class: 'soft' }, t('none'))];
  const pick = h('select', null, rows.map(({ columns }) => h('option', { value: columns.resource, selected: columns.resource === chosen }, columns.title)));
  const wanted = /^\d{1,14}$/.test(at ?? '') ? Number(at) : null;
  const first = wanted ?? Date.now() + 3600000;
  const picked = () => rows.find(({ columns }) => columns.resource === pick.value).columns;
  // days and times are those of where it takes place
  const date = h('input', { type: 'date', required: true, min: day(wall(picked(), Date.now())) });
  date.value = date.defaultValue = day(wall(picked(), first));
  const long = /^\d{1,4}$/.test(minutes ?? '') ? Number(minutes) : 60;
  const lengths = [...new Set([...LENGTHS, long])].sort((a, b) => a - b);
  const length = h('select', null, lengths.map((minutes) => h('option', { value: minutes, selected: minutes === long }, minutes > 60 && minutes % 60 === 0 ? ofUnit(minutes / 60, 'hour') : ofUnit(minutes, 'minute'))));
  const seats = h('input', { type: 'number', min: '1', step: '1', value: /^\d{1,4}$/.test(many ?? '') ? many : '1', required: true });
  const shown = h('div', { 'aria-live': 'polite' });
  const strip = h('ul', { class: 'days', 'aria-label': t('book.days') });
  const zone = h('p', { class: 'soft' });
  const today = () => Date.parse(`${day(wall(picked(), Date.now()))}T00:00Z`);
  /** The free times of some days, by day; days are milliseconds of what the clock there shows. */
  const timesOf = async (first, days) => {
    const resource = picked();
    const [from, to] = [instantAt(resource, first), instantAt(resource, first + days * DAY)];
    const taken = await takenAround(resource.resource, from, to);
    const all = free(resource, taken, { from, to, length: Number(length.value) * 60000, step: STEP, seats: Number(seats.value), now: Date.now() });
    const found = new Map(Array.from({ length: days }, (_, at) => [first + at * DAY, []]));
    for (const slot of all) found.get(Math.floor(wall(resource, slot.start) / DAY) * DAY)?.push(slot);
    return found;
  };
  const turnTo = (at) => { date.value = day(at); put(asked); return show(); };
  let round = 0;
  /** Looks week after week for a day with a free time. */
  const next = async (from) => {
    const now = ++round;
    put(shown, h('p', { class: 'soft' }, t('loading')));
    for (let week = 0; week < WEEKS; week += 1) {
      const found = [...await timesOf(from + week * 7 * DAY, 7)].find(([, times]) => times.length);
      // something else was chosen meanwhile
      if (now !== round) return;
      if (found) { await turnTo(found[0]); shown.querySelector('button')?.focus(); return; }
    }
    put(shown, h('p', { class: 'soft', tabindex: '-1' }, t('book.none', { time: ofUnit(WEEKS, 'week') }), ' ', h('a', { href: to('chat') }, t('chat'))));
    shown.firstChild.focus();
  };
  let begun = null;
  const show = async () => {
    const now = ++round;
    const resource = picked();
    const begin = Date.parse(`${date.value}T00:00Z`);
    const wrong = [pick, date, length, seats].find((control) => !control.checkValidity());
    put(zone, resource.offsets?.length ? t('book.zone', { zone: city(resource.zone) }) : null);
    if (Number.isNaN(begin) || wrong) {
      put(strip);
      put(shown, h('p', { class: 'bad' }, t(wrong === seats ? 'wrong.seats' : 'wrong.day')));
      return null;
    }
    // the days stay where they are as long as one of them is chosen
    if (begun === null || begin < begun || begin >= begun + STRIP * DAY) begun = Math.max(today(), begin - DAY);
    put(shown, h('p', { class: 'soft' }, t('loading')));
    try {
      const days = await timesOf(begun, STRIP);
      // another day was chosen meanwhile
      if (now !== round) return null;
      const times = days.get(begin) ?? [];
      const focused = strip.contains(document.activeElement);
      put(strip, [...days].map(([at, all]) => h('li', null, h('button', {
        type: 'button', class: all.length ? null : 'gone', 'aria-pressed': String(at === begin), onclick: () => turnTo(at),
        'aria-label': all.length ? null : `${short.format(at)}, ${t('book.full.short')}`,
      }, short.format(at)))));
      if (focused) strip.querySelector('[aria-pressed="true"]')?.focus();
      put(shown, times.length
        ? h('ul', { class: 'slots' }, times.map((slot) => h('li', null, h('button', { type: 'button', onclick: () => request(resource, slot) },
          clock.format(wall(resource, slot.start))))))
        : [h('p', { class: 'soft' }, t('book.full')),
          h('p', null, h('button', { type: 'button', onclick: () => next(begin + DAY).catch((error) => put(shown, problem(error))) }, t('book.next')))]);
      return { resource, times };
    } catch (error) {
      if (now === round) put(shown, problem(error));
    }
    return null;
  };
  const asked = h('div');
  const request = (resource, slot) => {
    const note = h('textarea', { maxlength: '1000' });
    const name = h('input', { required: true, maxlength: '60', autocomplete: 'name' });
    put(asked, h('section', { class: 'card' }, h('h2', { tabindex: '-1' }, `${resource.title}, ${stretch(resource, slot.start, slot.end)}`), form([
      field(t('order.note'), note), !app.link.me && field(t('your.name'), name, t('your.name.hint')),
    ], t('book.send'), async () => {
      if (!app.link.me) await app.link.begin(name.value.trim());
      const body = { space: bytes(app.space), resource: resource.resource, start: slot.start, end: slot.end, seats: Number(seats.value) };
      if (note.value.trim()) body.note = note.value.trim();
      await app.link.write('booking.request', body, { space: app.space });
      say(t('book.sent'));
      location.hash = to('orders');
    })));
    asked.querySelector('h2').focus();
  };
  for (const control of [pick, date, length, seats]) control.addEventListener('change', () => { put(asked); show(); });
  // what others take is gone here, too; who is about to ask is told when the rules say so
  const news = () => { if (!shown.isConnected) document.removeEventListener('catalog', news); else if (!asked.firstChild) show(); };
  setTimeout(() => document.addEventListener('catalog', news));
  const offered = await show();
  const slot = wanted !== null && offered?.times.find(({ start }) => start === wanted);
  if (slot) request(offered.resource, slot);
  return [heading(t('book')), h('p', { class: 'soft' }, t('book.text')),
    field(t('book.what'), pick), field(t('book.day'), date), field(t('book.length'), length), field(t('book.seats'), seats),
    h('h2', null, t('book.free')), zone, strip, shown, asked];
}
