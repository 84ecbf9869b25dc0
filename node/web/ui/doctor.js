// Doctor: what is in the store, what is damaged, what to do.

import { h, pairs } from './elements.js';
import { field, form } from './forms.js';
import { instant } from './format.js';
import { has, locale, t } from './words.js';
import { api, heading, refresh, say, to } from './app.js';

/** The screen. */
export async function doctor() {
  const told = await api.get('/doctor');
  const notes = told.notes ?? [];
  return [
    heading(t('doctor')),
    h('p', { class: told.ok ? 'good' : 'bad', role: 'status' }, told.ok ? t('settings.well') : t('doctor.look')),
    notes.length > 0 && h('ul', { class: 'cards' }, notes.map(one)),
    pairs([[t('who.home'), told.home], [t('topics'), told.topics], [t('doctor.feeds'), told.feeds], [t('doctor.entries'), told.entries],
      [t('doctor.size'), size(told.bytes)]]),
    told.missing?.length > 0 && [h('h2', null, t('doctor.missing')), h('ul', null, told.missing.map((range) => h('li', null,
      `${range.first}–${range.end}: ${t(range.healed ? 'doctor.healed' : 'doctor.lost')}`)))],
    told.cut_tail && [h('h2', null, t('doctor.cut')), pairs(Object.entries(told.cut_tail))],
    h('h2', null, t('backup')), backup(told.backup),
    h('p', null, h('button', { type: 'button', onclick: () => refresh() }, t('doctor.again'))),
    h('p', { class: 'hint' }, t('doctor.more')), h('pre', null, 'synlog doctor scrub\nsynlog doctor net'),
  ];
}

/** Something that was found: in words, with what the node says of it. */
function one(note) {
  const key = `note.${note.code}`;
  return h('li', { class: 'card' }, h('p', null,
    h('strong', { class: note.serious ? 'bad' : 'warn' }, t(note.serious ? 'doctor.serious' : 'doctor.note')), ' ', has(key) ? t(key) : note.text),
  note.code === 'root_key_here' && h('p', null, h('a', { href: to('begin', 'key') }, t('begin.key'))),
  has(key) && h('details', null, h('summary', null, t('problem.said')), h('p', { class: 'hint' }, note.text)));
}

/** Bytes as people count them. */
function size(bytes) {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'];
  let at = 0;
  while (bytes >= 1000 && at < units.length - 1) {
    bytes /= 1000;
    at += 1;
  }
  return new Intl.NumberFormat(locale, { style: 'unit', unit: units[at], maximumFractionDigits: at && 1 }).format(bytes);
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
