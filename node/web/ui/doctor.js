// Doctor: what is in the store, what is damaged, what to do.

import { h, pairs } from './elements.js';
import { field, form } from './forms.js';
import { instant } from './format.js';
import { t } from './words.js';
import { api, heading, refresh, say } from './app.js';

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
    h('h2', null, t('backup')), backup(told.backup),
    h('p', null, h('button', { type: 'button', onclick: () => refresh() }, t('doctor.again'))),
    h('p', { class: 'hint' }, t('doctor.more')), h('pre', null, 'synlog doctor scrub\nsynlog doctor net'),
  ];
}

/** The last backup, and the next one in the same place; the first is made by the owner, who says where. */
function backup(last) {
  if (!last) return [h('p', { class: 'warn' }, t('backup.none')), h('pre', null, 'synlog backup /media/disk/synlog --with-keys')];
  const pass = h('input', { type: 'password', required: true, autocomplete: 'off', 'data-secret': true });
  return [pairs([[t('backup.place'), h('code', { class: 'long' }, last.place)], [t('backup.made'), instant(last.made_ms)], [t('backup.number'), last.number], [t('backup.keys'), t(last.keys ? 'yes' : 'no')]]),
    form([last.keys && field(t('key.pass'), pass, t('backup.pass'))], t('backup.now'), async () => {
      const made = await api.post('/backup', last.keys ? { passphrase: pass.value } : {});
      say(t('backup.done', { number: made.number }));
    })];
}
