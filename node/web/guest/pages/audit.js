// The history of the relation: every entry, who wrote it, what became of it, and whether its
// signature was found right by this browser.

import { h, pairs } from './elements.js';
import { language, t, word } from './words.js';
import { instant, short } from './format.js';
import { app, heading } from './app.js';
import { mark, named, refusal } from './orders.js';

export async function audit() {
  const told = app.link.audit();
  if (!told) return [heading(t('audit')), h('p', { class: 'soft' }, t('none'))];
  const whole = told.verified === told.entries;
  return [
    heading(t('audit')),
    h('p', null, t('audit.intro')),
    h('p', { class: whole ? 'good' : 'bad' }, t('audit.verified', { n: told.verified, of: told.entries, signatures: told.signatures })),
    told.state === 'forked' && h('p', { class: 'problem', role: 'alert' }, t('audit.forked')),
    told.locked && h('p', { class: 'warn' }, t('audit.locked', { id: short(told.locked) })),
    pairs([[t('audit.order'), h('code', { class: 'long' }, told.order_digest)], [t('audit.digest'), told.rows_digest && h('code', { class: 'long' }, told.rows_digest.sequenced)]]),
    h('ol', { class: 'timeline' }, told.events.map(one)),
  ];
}

/** The name of a field in the reader's language: the app's own is English. */
function inWords(kind, label) {
  const fields = app.link.manifest()?.events.find((event) => event.kind === kind)?.fields ?? [];
  const name = fields.find(({ title }) => title === label)?.name ?? label.replaceAll(' ', '_');
  const key = `word.${name}`;
  return language === 'en' || t(key) === key ? label : t(key);
}

function one(event) {
  const says = [...event.says.map(([name, value]) => [inWords(event.kind, name), value]), ...Object.entries(event.erasable ?? {}).map(([name, value]) => [word(name), String(value)])];
  return h('li', { class: event.mark, id: `entry-${event.id}` }, mark(event),
    h('div', null,
      h('div', { class: 'row' }, h('strong', { class: 'what' }, named(event)), h('span', { class: 'soft who' }, t(`by.${event.by}`)),
        h('time', { class: 'soft', datetime: event.time }, instant(event.time)),
        h('span', { class: event.verified ? 'good' : 'bad' }, t(event.verified ? 'audit.signed' : 'audit.unsigned')),
        event.code && h('span', { class: 'badge bad' }, t('rejected.by', { code: refusal(event.code) }))),
      event.erased && h('p', { class: 'soft' }, t('audit.erased')),
      h('details', null, h('summary', null, t('details')), says.length > 0 && pairs(says),
        event.evidence.map((fact) => h('p', { class: 'soft' }, fact)),
        pairs([[t('audit.entry'), h('code', { class: 'long' }, event.id)], [t('audit.device'), `${event.device_name ?? ''} ${short(event.device)}`],
          [t('audit.links'), event.links.map((id) => h('code', null, short(id), ' '))],
          [t('audit.proof'), event.signed_with && h('code', null, short(event.signed_with))]]))));
}
