// The calendar: what is asked for, held and agreed, by day and week, in the clock of the place.

import { h, pairs, scroll } from './elements.js';
import { t, word } from './words.js';
import { api, heading, problem, refresh, say, to } from './app.js';
import { field, form, kept } from './forms.js';
import { digits, short } from './format.js';
import { abandoned, allBetween, disown, knownOf, owe, ownResources, settle, withTake } from './takes.js';
import { DAY, clock, dayBegin, dayName, dayOf, fromField, full, here, stretch, toField, weekday } from './zones.js';

const OVER = ['declined', 'cancelled', 'no_show', 'attended'];
/** Pixels of an hour in the grid. */
const HOUR = 36;

/** The week of a day, or the day; `#/calendar/week/20500`. */
export async function calendar(context) {
  const { parts: [shape = innerWidth < 600 ? 'day' : 'week', chosen] } = context;
  const { spaces, resources } = await ownResources(context);
  const zone = resources[0]?.zone ?? here();
  const today = dayOf(Date.now(), zone);
  const asked = /^\d{1,6}$/.test(chosen ?? '') ? Number(chosen) : today;
  const days = shape === 'day' ? 1 : 7;
  const first = days === 7 ? asked - weekday(asked) : asked;
  const [from, until] = [dayBegin(first, zone), dayBegin(first + days, zone)];
  // what began the day before may still be going on
  const known = knownOf(resources);
  const [near, waiting] = await Promise.all([
    allBetween('bookings', { index: 'by_start', from: from - DAY, to: until }),
    allBetween('bookings', { index: 'by_state', equal: ['pending'] }),
    abandoned(known),
  ]);
  const left = await settle();
  const inside = near.filter(({ columns }) => columns.end > from && columns.start < until);
  const elsewhere = waiting.filter((row) => !inside.some((it) => it.topic === row.topic && it.key === row.key));
  const link = (text, shape, day, current) => h('li', null, h('a', { href: to('calendar', shape, day), 'aria-current': current ? 'true' : null }, text));
  const list = (rows) => h('ul', { class: 'cards' }, rows.map((row) => one(row, known(row), context)));
  const listed = Array.from({ length: days }, (_, at) => {
    const day = first + at;
    const rows = inside.filter(({ columns }) => dayOf(columns.start, zone) === day || (at === 0 && columns.start < from))
      .sort((a, b) => a.columns.start - b.columns.start);
    return [h('h3', null, dayName(day, { weekday: 'long', day: 'numeric', month: 'long' })),
      rows.length ? list(rows) : h('p', { class: 'soft' }, t('calendar.free'))];
  });
  return [
    heading(t('calendar')),
    h('nav', { 'aria-label': t('calendar.when') }, h('ul', null,
      link(t('calendar.before'), shape, asked - days), link(t('today'), shape, today), link(t('calendar.after'), shape, asked + days),
      link(t('calendar.day'), 'day', asked, shape === 'day'), link(t('calendar.week'), 'week', asked, shape === 'week'))),
    h('p', { class: 'row' },
      h('span', { class: 'soft' }, t('calendar.zone', { zone }), zone === here() ? '' : ` ${t('calendar.yours', { zone: here() })}`),
      spaces.length > 0 && h('a', { href: to('hours') }, t('hours'))),
    left > 0 && h('p', { class: 'warn', role: 'alert' }, t('calendar.owed')),
    resources.length === 0 && h('p', null, spaces.length ? t('calendar.nothing') : t('catalog.none')),
    elsewhere.length > 0 && [h('h2', null, t('calendar.waiting')), list(elsewhere)],
    h('h2', null, days === 1 ? dayName(first, { weekday: 'long', day: 'numeric', month: 'long' }) : `${dayName(first)} – ${dayName(first + 6)}`),
    grid(inside, first, days, zone, known),
    h('h2', null, t('calendar.list')), listed,
  ];
}

/** Days beside each other, hours below each other; the list says the same. */
function grid(rows, first, days, zone, known) {
  const live = rows.filter(({ columns }) => !['declined', 'cancelled'].includes(columns.state));
  const times = live.flatMap(({ columns }) => [columns.start, columns.end - 1]).map((ms) => Math.floor(((ms - dayBegin(dayOf(ms, zone), zone)) / DAY) * 24));
  const [low, high] = [Math.max(0, Math.min(8, ...times)), Math.min(24, Math.max(18, ...times) + 1)];
  const box = h('div', { class: `grid grid-${days}`, 'aria-hidden': 'true' });
  box.append(h('div', { class: 'hours' }, Array.from({ length: high - low }, (_, at) => h('span', null, `${low + at}:00`))));
  for (let at = 0; at < days; at += 1) {
    const day = first + at;
    const begin = dayBegin(day, zone);
    const column = h('div', { class: 'column' }, h('strong', null, dayName(day)));
    const field = h('div', { class: 'field' });
    field.style.height = `${(high - low) * HOUR}px`;
    const shown = live.filter(({ columns }) => columns.start < begin + DAY && columns.end > begin)
      .sort((a, b) => a.columns.start - b.columns.start);
    const lanes = [];
    const placed = shown.map((row) => {
      let lane = lanes.findIndex((end) => end <= row.columns.start);
      if (lane < 0) lane = lanes.length;
      lanes[lane] = row.columns.end;
      return { row, lane };
    });
    for (const { row, lane } of placed) {
      const { columns } = row;
      const hour = (ms) => Math.min(Math.max((ms - begin) / 3600000, low), high) - low;
      const block = h('div', { class: `block ${tone(columns.state)}` }, `${clock(columns.start, zone)} ${known(row)?.title ?? columns.resource}`, h('br'), word(columns.state));
      Object.assign(block.style, {
        top: `${hour(columns.start) * HOUR}px`,
        height: `${Math.max((hour(columns.end) - hour(columns.start)) * HOUR - 2, 16)}px`,
        left: `${(100 / lanes.length) * lane}%`,
        width: `${100 / lanes.length}%`,
      });
      field.append(block);
    }
    column.append(field);
    box.append(column);
  }
  return scroll(t('calendar.grid'), box);
}

const tone = (state) => (state === 'confirmed' ? 'good' : state === 'pending' || state === 'held' ? 'warn' : 'soft');

/** A booking with what may be done with it. */
function one(row, resource, context) {
  const { columns } = row;
  const zone = resource?.zone ?? here();
  const named = context.topics.find((topic) => topic.topic === row.topic);
  const isMine = context.mine(columns.client);
  return h('li', { class: 'card' },
    h('h4', null, h('a', { href: to('order', row.topic, 'bookings', row.key) }, `${resource?.title ?? columns.resource}: ${named?.name ?? short(row.topic)}`)),
    h('p', null, stretch(columns.start, columns.end, zone, t('calendar.you'))),
    h('p', { class: 'row' }, h('span', { class: `badge ${tone(columns.state)}` }, word(columns.state)),
      row.tentative && h('span', { class: 'badge warn' }, t('tentative')),
      columns.seats > 1 && h('span', { class: 'soft' }, t('calendar.seats', { n: columns.seats })),
      columns.contested && h('span', { class: 'badge bad' }, t('calendar.contested'))),
    columns.held_until && columns.state === 'held' && h('p', { class: columns.held_until < Date.now() ? 'bad' : 'soft' }, t('calendar.held', { until: full(columns.held_until, zone) })),
    pairs([[t('calendar.note'), columns.note], [t('calendar.reason'), columns.reason]]),
    !isMine && !OVER.includes(columns.state) && answers(row, resource, zone));
}

/** What was refused, by booking and its state: news must not take it off the screen. */
const refused = new Map();

/** What a refusal means here, in words. */
function told(error, more) {
  const box = problem(error);
  if (error.rule === 'expired') box.prepend(h('p', null, h('strong', null, t('calendar.expired'))));
  if (more) box.append(more);
  return box;
}

function answers(row, resource, zone) {
  const { columns } = row;
  const booking = () => digits(columns.booking);
  const mark = `${booking()} ${columns.state} ${columns.start}`;
  const wrong = h('div');
  const redraw = () => document.getElementById(wrong.id);
  wrong.id = `refused-${booking()}`;
  const button = (label, act, main, kind) => {
    const made = h('button', { type: 'button', class: main ? 'main' : null, onclick: async () => {
      made.disabled = true;
      wrong.replaceChildren();
      refused.delete(mark);
      try {
        await act();
        say(t(`done.${kind}`));
        refresh(true);
      } catch (error) {
        // the screen may have been drawn anew meanwhile
        refused.set(mark, error);
        (redraw() ?? wrong).replaceChildren(explained(error));
      } finally {
        made.disabled = false;
      }
    } }, label);
    return made;
  };
  const step = (kind, extra = {}) => api.send(row.topic, kind, { body: { booking: booking(), ...extra } });
  const open = ['pending', 'held'].includes(columns.state);
  // who was too late is told so, in one press
  const explained = (error) => told(error, open && error.rule === 'slot_taken'
    && h('p', null, button(t('calendar.late'), () => step('booking.decline', { reason: t('calendar.late.reason') }), false, 'booking.decline')));
  if (refused.has(mark)) wrong.append(explained(refused.get(mark)));
  const begun = columns.start <= Date.now();
  const why = (label, kind) => {
    const reason = h('input', { maxlength: '300' });
    return h('details', null, h('summary', null, label), form([field(t('calendar.reason'), reason)], label, async () => {
      const take = kind === 'booking.cancel' && resource && digits(columns.take);
      const freed = { space: resource?.space, resource: columns.resource, take, topic: row.topic, key: row.key };
      if (take) owe(freed);
      try {
        await step(kind, reason.value ? { reason: reason.value } : {});
      } catch (error) {
        if (take && error.status === 422) disown(take);
        throw error;
      }
      // who looked in between found that it still stood
      if (take) owe(freed);
      const left = take && await settle();
      say(t(left ? 'calendar.owed' : `done.${kind}`));
    }));
  };
  return [
    wrong,
    !resource && open && h('p', { class: 'hint' }, t('calendar.notmine')),
    h('p', { class: 'row' },
      open && resource && button(t('calendar.confirm'), () => withTake(row, resource, columns.start, columns.end, null,
        (id, take) => api.send(row.topic, 'booking.confirm', { body: { booking: id, take } })), true, 'booking.confirm'),
      columns.state === 'held' && button(t('calendar.release'), () => step('booking.release'), false, 'booking.release'),
      columns.state === 'confirmed' && begun && [
        button(t('calendar.attended'), () => step('booking.attended'), true, 'booking.attended'),
        button(t('calendar.noshow'), () => step('booking.no_show'), false, 'booking.no_show')]),
    open && hold(row, zone, step),
    columns.state === 'confirmed' && resource && move(row, resource, zone),
    open && why(t('calendar.decline'), 'booking.decline'),
    columns.state === 'confirmed' && why(t('calendar.cancel'), 'booking.cancel'),
  ];
}

function hold(row, zone, step) {
  const until = h('input', { type: 'datetime-local', required: true });
  until.defaultValue = until.value = toField(Math.min(Date.now() + DAY, row.columns.start), zone);
  return h('details', null, h('summary', null, t('calendar.hold')),
    form([field(t('calendar.until', { zone }), until)], t('calendar.hold'), async () => {
      await step('booking.hold', { until: fromField(until.value, zone) });
      say(t('done.booking.hold'));
    }));
}

function move(row, resource, zone) {
  const { columns } = row;
  const preset = (ms) => {
    const made = h('input', { type: 'datetime-local', required: true });
    made.defaultValue = made.value = toField(ms, zone);
    return made;
  };
  const [start, end] = [preset(columns.start), preset(columns.end)];
  const wrong = h('div');
  return h('details', null, h('summary', null, t('calendar.move')),
    kept(`move:${digits(columns.booking)}`, form([field(t('calendar.start', { zone }), start), field(t('calendar.end', { zone }), end), wrong], t('calendar.move'), async () => {
      wrong.replaceChildren();
      const [from, until] = [fromField(start.value, zone), fromField(end.value, zone)];
      try {
        await withTake(row, resource, from, until, digits(columns.take) || null, (id, take) => api.send(row.topic, 'booking.reschedule', { body: { booking: id, start: from, end: until, take } }));
        say(t('done.booking.reschedule'));
      } catch (error) {
        if (error.rule) wrong.replaceChildren(told(error));
        throw error;
      }
    })));
}
