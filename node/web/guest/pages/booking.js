// Booking a time: what is free follows from the hours and what is taken, as the provider
// shows them; who is late is told so by the rules.

import { h, put } from '/elements.js';
import { t } from '/words.js';
import { instant } from '/format.js';
import { app, heading, say, to } from '/app.js';
import { bytes, field, form, problem } from '/form.js';
import { free } from '/slots.js';

const DAY = 86400000;
const LENGTHS = [30, 45, 60, 90, 120, 180, 240, 480];
const STEP = 30 * 60000;

/** Chooses a resource, a day and a time. */
export async function book({ parts: [chosen] }) {
  const { rows } = await app.cached('resources', () => app.door.rows(app.space, 'resources', { limit: 50 }));
  if (!rows.length) return [heading(t('book')), h('p', { class: 'soft' }, t('none'))];
  const pick = h('select', null, rows.map(({ columns }) => h('option', { value: columns.resource, selected: columns.resource === chosen }, columns.title)));
  const date = h('input', { type: 'date', required: true });
  date.value = date.defaultValue = new Date(Date.now() + 3600000 - new Date().getTimezoneOffset() * 60000).toISOString().slice(0, 10);
  const length = h('select', null, LENGTHS.map((minutes) => h('option', { value: minutes, selected: minutes === 60 }, t('minutes', { n: minutes }))));
  const seats = h('input', { type: 'number', min: '1', step: '1', value: '1', required: true });
  const shown = h('div', { 'aria-live': 'polite' });
  const show = async () => {
    const resource = rows.find(({ columns }) => columns.resource === pick.value).columns;
    const from = new Date(`${date.value}T00:00`).getTime();
    if (Number.isNaN(from)) return;
    const to = from + DAY;
    put(shown, h('p', { class: 'soft' }, t('loading')));
    try {
      const query = { index: 'by_start', equal: [resource.resource], from: from - 30 * DAY, to, limit: 1000 };
      const taken = await app.cached(`slots ${resource.resource} ${from}`, () => app.door.rows(app.space, 'slots', query));
      const found = free(resource, taken.rows.map(({ columns }) => columns), { from, to, length: Number(length.value) * 60000, step: STEP, seats: Number(seats.value), now: Date.now() });
      put(shown, found.length
        ? h('ul', { class: 'slots' }, found.map((slot) => h('li', null, h('button', { type: 'button', onclick: () => request(resource, slot) },
          new Intl.DateTimeFormat(document.documentElement.lang, { timeStyle: 'short' }).format(new Date(slot.start))))))
        : h('p', { class: 'soft' }, t('book.full')));
    } catch (error) {
      put(shown, problem(error));
    }
  };
  const asked = h('div');
  const request = (resource, slot) => {
    const note = h('textarea', { maxlength: '1000' });
    const name = h('input', { required: true, maxlength: '60', autocomplete: 'name' });
    put(asked, h('section', { class: 'card' }, h('h2', { tabindex: '-1' }, `${resource.title}, ${instant(slot.start)} – ${instant(slot.end)}`), form([
      field(t('order.note'), note), !app.link.me && field(t('your.name'), name, t('your.name.hint')),
    ], t('book.send'), async () => {
      if (!app.link.me) await app.link.begin(name.value);
      const body = { space: bytes(app.space), resource: resource.resource, start: slot.start, end: slot.end, seats: Number(seats.value) };
      if (note.value.trim()) body.note = note.value.trim();
      await app.link.write('booking.request', body, { space: app.space });
      say(t('book.sent'));
      location.hash = to('orders');
    })));
    asked.querySelector('h2').focus();
  };
  for (const control of [pick, date, length, seats]) control.addEventListener('change', show);
  await show();
  return [heading(t('book')), h('p', { class: 'soft' }, t('book.text')),
    field(t('book.what'), pick), field(t('book.day'), date), field(t('book.length'), length), field(t('book.seats'), seats),
    h('h2', null, t('book.free')), shown, asked];
}
