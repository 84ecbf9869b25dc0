// Doctor: what is in the store, what is damaged, what to do.

import { h, pairs } from '/elements.js';
import { t } from '/words.js';
import { api, heading, refresh } from '/app.js';

/** The screen. */
export async function doctor() {
  const told = await api.get('/doctor');
  const notes = told.notes ?? [];
  return [
    heading(t('doctor')),
    h('p', { class: told.ok ? 'good' : 'bad', role: 'status' }, told.ok ? t('settings.well') : t('doctor.look')),
    notes.length > 0 && h('ul', null, notes.map((note) => h('li', null,
      h('strong', { class: note.serious ? 'bad' : 'warn' }, t(note.serious ? 'doctor.serious' : 'doctor.note')), ` ${note.text} `, h('code', null, note.code)))),
    told.guard && h('p', { class: 'problem' }, told.guard),
    pairs([[t('who.home'), told.home], [t('topics'), told.topics], [t('feeds'), told.feeds], [t('doctor.entries'), told.entries],
      [t('doctor.size'), new Intl.NumberFormat().format(told.bytes)]]),
    told.missing?.length > 0 && [h('h2', null, t('doctor.missing')), h('ul', null, told.missing.map((range) => h('li', null,
      `${range.first}–${range.end}: ${t(range.healed ? 'doctor.healed' : 'doctor.lost')}`)))],
    told.cut_tail && [h('h2', null, t('doctor.cut')), pairs(Object.entries(told.cut_tail))],
    h('p', null, h('button', { type: 'button', onclick: () => refresh() }, t('doctor.again'))),
    h('p', { class: 'hint' }, t('doctor.more')), h('pre', null, 'synlog doctor scrub\nsynlog doctor net'),
  ];
}
