// The history of the relation: every entry, who wrote it, what became of it, and whether its
// signature was found right by this browser.

import { h, pairs } from './elements.js';
import { has, t, word } from './words.js';
import { amount, instant, lasting, short } from './format.js';
import { app, heading } from './app.js';
import { span, when } from './clock.js';
import { conditions } from './offers.js';
import { mark, named, refusal } from './orders.js';

export async function audit() {
  const checked = app.link.audit();
  if (!checked) return [heading(t('audit')), h('p', { class: 'soft' }, t('none'))];
  const whole = checked.verified === checked.entries;
  return [
    heading(t('audit')),
    h('p', null, t('audit.intro')),
    h('p', { class: whole ? 'good' : 'bad' }, t('audit.verified', { n: checked.verified, of: checked.entries, signatures: checked.signatures })),
    checked.state === 'forked' && h('p', { class: 'problem', role: 'alert' }, t('audit.forked')),
    checked.locked && h('p', { class: 'warn' }, t('audit.locked', { id: short(checked.locked) })),
    h('details', null, h('summary', null, t('details')), h('p', { class: 'soft' }, t('audit.digests')),
      pairs([[t('audit.order'), h('code', { class: 'long' }, checked.order_digest)], [t('audit.digest'), checked.rows_digest && h('code', { class: 'long' }, checked.rows_digest.sequenced)]])),
    h('ol', { class: 'timeline' }, checked.events.map(one)),
  ];
}

/** The name of a field in the reader's language. */
const called = (kind, name) => {
  const key = [`field.${kind}.${name}`, `field.${name}`].find(has);
  return key ? t(key) : word(name);
};

/** Fields whose numbers are times. */
const TIMES = ['start', 'end', 'until', 'due', 'valid_until', 'from'];
/** Kinds that say what an offer says. */
const OFFERS = ['order.quote', 'order.revise', 'order.counter'];
/** What is said of offers in a way of its own. */
const OF_OFFERS = ['breakup', 'legs', 'fulfilment', 'terms', 'return_s', 'silence_s', 'arbiter', 'valid_until'];

/** A value of an entry as people read it; nothing where it says nothing. */
function told(name, value) {
  if (value === null || value === undefined || value === '') return null;
  if (typeof value === 'boolean') return t(value ? 'yes' : 'no');
  if (typeof value === 'number') return TIMES.includes(name) ? when(value) : name.endsWith('_s') ? lasting(value) : String(value);
  if (typeof value === 'string') return has(`word.${value}`) ? word(value) : value;
  if (Array.isArray(value)) return value.map((one) => told(name, one)).filter(Boolean).join('; ') || null;
  if (typeof value.$hex === 'string') return value.$hex.length > 20 ? `${short(value)}…` : value.$hex;
  if (typeof value.minor === 'number' && typeof value.currency === 'string') return amount(value);
  if (typeof value.start === 'number' && typeof value.end === 'number') return span(value.start, value.end);
  if (name === 'lines' && value.item) return `${value.quantity} × ${value.title ?? value.item}${value.options?.length ? ` (${value.options.join(', ')})` : ''}`;
  return Object.entries(value).map(([key, one]) => [called('', key), told(key, one)]).filter(([, one]) => one).map((pair) => pair.join(': ')).join(', ') || null;
}

/** What an entry says. */
function said({ kind, body, erasable }) {
  // what the kernel writes is for machines
  if (kind.startsWith('topic.')) return null;
  const isOffer = OFFERS.includes(kind) && body?.total;
  const fields = Object.entries(body ?? {}).filter(([name]) => !(isOffer && OF_OFFERS.includes(name)));
  const all = [...fields.map(([name, value]) => [called(kind, name), told(name, value)]), ...Object.entries(erasable ?? {}).map(([name, value]) => [word(name), told(name, value)])];
  const parts = isOffer && (body.breakup ?? []).map((part) => `${part.title}: ${amount(part.amount)}`).join('; ');
  return [pairs([...all, [t('offer.what'), parts || null]]), isOffer && kind !== 'order.counter' && conditions(body)];
}

function one(event) {
  return h('li', { class: event.mark, id: `entry-${event.id}` }, mark(event),
    h('div', null,
      h('div', { class: 'row' }, h('strong', { class: 'what' }, named(event)), h('span', { class: 'soft who' }, t(`by.${event.by}`)),
        h('time', { class: 'soft', datetime: event.time }, instant(event.time)),
        h('span', { class: event.verified ? 'good' : 'bad' }, t(event.verified ? 'audit.signed' : 'audit.unsigned')),
        event.code && h('span', { class: 'badge bad' }, t('rejected.by', { code: refusal(event.code) }))),
      event.erased && h('p', { class: 'soft' }, t('audit.erased')),
      h('details', null, h('summary', null, t('details')), said(event),
        event.evidence.length > 0 && [h('p', { class: 'soft' }, t('audit.evidence')), h('ul', { class: 'soft', lang: 'en' }, event.evidence.map((fact) => h('li', null, fact)))],
        pairs([[t('audit.entry'), h('code', { class: 'long' }, event.id)], [t('audit.device'), `${event.device_name ?? ''} ${short(event.device)}`],
          [t('audit.links'), event.links.length > 0 ? event.links.map((id) => h('code', null, short(id), ' ')) : null],
          [t('audit.proof'), event.signed_with && h('code', null, short(event.signed_with))]]))));
}
