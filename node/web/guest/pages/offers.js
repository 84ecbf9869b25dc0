// Offers in words: what is paid when, how it comes, what may be returned; and several of them
// side by side.

import { h, pairs } from './elements.js';
import { t, word } from './words.js';
import { amount, digits, instant, lasting, short } from './format.js';
import { when } from './clock.js';
import { isOver, terms } from './offer.js';

/** A name of a payment that is a word, and no number of a machine. */
const NAME = /^[a-z][a-z_-]{2,}$/;

/** What a payment is called; what is for machines has its number here. */
export const payment = (leg, index) => (NAME.test(leg) ? word(leg).replaceAll('-', ' ') : t('pay.part', { n: index + 1 }));

/** When a part of the price is due. */
function due({ leg, amount: of, trigger, due: at, escrow }, index, several) {
  const key = `pay.when.${trigger}`;
  const then = t(key) === key ? word(trigger) : t(key, { when: when(at) });
  return `${several ? `${payment(leg, index)}: ` : ''}${amount(of)} ${then}${escrow ? `, ${t('pay.escrow')}` : ''}`;
}

/** How a part of the order comes. */
function coming({ kind, lines }, several, bought) {
  const key = `how.${kind}`;
  const what = (lines ?? []).map(({ line, quantity }) => `${quantity} × ${bought[line]?.title ?? bought[line]?.item ?? t('line', { n: line + 1 })}`).join(', ');
  return `${t(key) === key ? word(kind) : t(key)}${several && what ? `: ${what}` : ''}`;
}

const listed = (texts) => (texts.length > 1 ? h('ul', { class: 'plain' }, texts.map((text) => h('li', null, text))) : texts[0]);

/** All that an offer says besides its price; `bought` are the lines of the order. */
export function conditions({ legs = [], fulfilment = [], terms: fees = [], total, return_s: back, silence_s: silence, arbiter, valid_until: until }, bought = []) {
  const fee = terms(fees, total?.currency);
  return pairs([
    [t('offer.pay'), listed(legs.map((leg, index) => due(leg, index, legs.length > 1)))],
    [t('offer.how'), listed(fulfilment.map((leg) => coming(leg, fulfilment.length > 1, bought)))],
    [t('offer.return'), back ? t('offer.return.within', { time: lasting(back) }) : t('offer.return.none')],
    [t('about.terms'), fee.length > 0 ? h('ul', { class: 'plain' }, fee) : null],
    [t('offer.silence'), silence ? t('offer.silence.after', { time: lasting(silence) }) : null],
    [t('offer.arbiter'), arbiter ? t('offer.arbiter.is', { id: short(arbiter) }) : null],
    [t('offer.valid'), until ? when(until) : null],
  ]);
}

/** Offers side by side: what each says, and what the next one changes. */
export function compared(offers, columns, agreed, bought) {
  const rows = offers.map((offer, index) => {
    const before = offers[index - 1]?.body.total;
    const total = offer.body.total;
    const changed = before && total && before.currency === total.currency ? total.minor - before.minor : 0;
    const parts = (offer.body.breakup ?? []).map((part) => h('li', null, `${part.title}: ${amount(part.amount)}`));
    const wish = offer.kind === 'order.counter';
    return [h('tr', null,
      h('td', null, t(wish ? 'offer.yours' : 'offer.theirs'), h('div', { class: 'soft' }, instant(offer.time)), stands(offer, columns, agreed)),
      h('td', null, total ? h('span', { class: 'price' }, amount(total)) : '–', changed !== 0 && h('div', { class: 'soft' }, `${changed > 0 ? '+' : '−'} ${amount({ ...total, minor: Math.abs(changed) })}`)),
      h('td', null, parts.length > 0 && h('ul', { class: 'plain' }, parts), offer.body.note && h('p', null, offer.body.note),
        !offer.body.note && parts.length === 0 && '–')),
    // on a phone there is no room for it in a column
    !wish && h('tr', null, h('td', { colspan: '3' }, said(offer, agreed, bought)))];
  });
  return h('div', { class: 'scroll', role: 'region', tabindex: '0', 'aria-label': t('offers') }, h('table', null,
    h('thead', null, h('tr', null, [t('offer.who'), t('order.total'), t('offer.what')].map((name) => h('th', { scope: 'col' }, name)))), h('tbody', null, rows)));
}

/** What an offer says: of the one that was agreed to at once. */
function said({ id, body }, agreed, bought) {
  const all = conditions(body, bought);
  return id === agreed ? all : h('details', null, h('summary', null, t('details')), all);
}

/** Whether an offer counts: it was agreed to, or can be, or could have been. */
function stands({ id }, columns, agreed) {
  if (id === agreed) return h('div', { class: 'badge good' }, t('offer.agreed'));
  if (id !== digits(columns.quote)) return null;
  return isOver(columns, Date.now()) ? h('div', { class: 'badge bad' }, t('offer.over')) : h('div', { class: 'badge good' }, t('offer.stands'));
}
