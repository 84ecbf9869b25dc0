// An offer in words: what is paid when, how it comes, what may be returned; and several of
// them side by side.

import { h, pairs } from './elements.js';
import { t, word } from './words.js';
import { amount, digits, instant, short } from './format.js';

const DAY = 86400;

const isOver = ({ valid_until: until }, now) => typeof until === 'number' && until < now;

/** Whether an offer waits for the customer, but can't be agreed to any more. */
export const lapsed = (columns, now = Date.now()) => columns.next === 'client' && isOver(columns, now);

/** What cancelling costs, by how far the work is. */
export function terms(list, currency) {
  return (list ?? []).map(({ stage, fee_bp: bp, fee_minor: fee }) => h('li', null,
    t('term', { stage: word(stage), fee: [bp ? `${bp / 100} %` : null, fee ? amount(fee, currency) : null].filter(Boolean).join(' + ') || t('term.free') })));
}

/** A stretch of time in days, or in hours where it is shorter. */
const stretch = (seconds) => (seconds >= DAY ? t('days', { n: Math.floor(seconds / DAY) }) : t('hours', { n: Math.floor(seconds / 3600) }));

/** When a part of the price is due. */
function due({ leg, amount: of, trigger, due: at, escrow }, several) {
  const key = `pay.when.${trigger}`;
  const when = t(key) === key ? word(trigger) : t(key, { when: instant(at) });
  return `${several ? `${word(leg)}: ` : ''}${amount(of)} ${when}${escrow ? `, ${t('pay.escrow')}` : ''}`;
}

/** How a part of the order comes. */
function coming({ kind, lines }, several, bought) {
  const key = `how.${kind}`;
  const what = (lines ?? []).map(({ line, quantity }) => `${quantity} × ${bought[line]?.title ?? bought[line]?.item ?? line}`).join(', ');
  return `${t(key) === key ? word(kind) : t(key)}${several && what ? `: ${what}` : ''}`;
}

const listed = (texts) => (texts.length > 1 ? h('ul', { class: 'plain' }, texts.map((text) => h('li', null, text))) : texts[0]);

/** All that an offer says besides its price; `bought` are the lines of the order. */
export function conditions({ legs = [], fulfilment = [], terms: fees = [], total, return_s: back, silence_s: silence, arbiter, valid_until: until }, bought = []) {
  const fee = terms(fees, total?.currency);
  return pairs([
    [t('offer.pay'), listed(legs.map((leg) => due(leg, legs.length > 1)))],
    [t('offer.how'), listed(fulfilment.map((leg) => coming(leg, fulfilment.length > 1, bought)))],
    [t('offer.return'), back ? t('offer.return.within', { time: stretch(back) }) : t('offer.return.none')],
    [t('about.terms'), fee.length > 0 ? h('ul', { class: 'plain' }, fee) : null],
    [t('offer.silence'), silence ? t('offer.silence.after', { time: stretch(silence) }) : null],
    [t('offer.arbiter'), arbiter ? h('code', null, short(arbiter)) : null],
    [t('offer.valid'), until ? instant(until) : null],
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
    return h('tr', null,
      h('td', null, t(wish ? 'offer.yours' : 'offer.theirs'), h('div', { class: 'soft' }, instant(offer.time)), stands(offer, columns, agreed)),
      h('td', null, total ? h('span', { class: 'price' }, amount(total)) : '–', changed !== 0 && h('div', { class: 'soft' }, `${changed > 0 ? '+' : '−'} ${amount({ ...total, minor: Math.abs(changed) })}`)),
      h('td', null, parts.length > 0 && h('ul', { class: 'plain' }, parts), offer.body.note, !wish && said(offer, agreed, bought)));
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
