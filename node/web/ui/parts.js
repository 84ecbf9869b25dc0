// An order in words that people use: what it costs and what of that is open, how it is paid
// and how it reaches the client. Loaded with an order, by nothing else.

import { h, pairs } from './elements.js';
import { t, word } from './words.js';
import { amount, digits, instant, lasting, units } from './format.js';
import { columnName } from './terms.js';

/** What is said of the order as a whole, to its provider or (`isOwn`) to its client: sums that agree with each other, and nothing that is paid as due. */
export function facts(columns, isOwn) {
  const side = isOwn ? '.you' : '';
  const { currency, dispute } = columns;
  const value = (name) => units(columns[name]);
  const sum = (name, minor = value(name)) => [t(name), minor > 0 ? amount(minor, currency) : null];
  const isAgreed = Boolean(columns.agree) || columns.state === 'cancelled';
  const balance = value('balance');
  const isSettled = isAgreed && value('paid') > 0 && balance === 0;
  return [
    [t('part.total'), columns.total === null ? null : amount(columns.total, currency)],
    sum('part.fee', value('fee')),
    sum('part.paid', value('paid')), sum('part.back', value('refunded')), sum('part.held', value('held')),
    isAgreed && balance > 0 ? sum('part.open', balance) : ['', null],
    balance < 0 ? sum(`part.owed${side}`, -balance) : ['', null],
    [t('part.open'), isSettled ? t('part.settled') : null],
    columns.fee === null ? sum(`part.fee.now${side}`, value('fee_now')) : ['', null],
    [columnName('valid_until'), columns.agree ? null : instant(columns.valid_until)],
    [t('part.where'), columns.place], [t('calendar.note'), columns.note], [t('calendar.reason'), columns.reason],
    [columnName('dispute'), dispute && word(dispute)],
    [columnName('updated'), instant(columns.updated)],
  ];
}

const list = (title, items) => [h('h2', null, title), h('ul', { class: 'plain' }, items.map((item) => h('li', null, item)))];

/** How far a payment is, in words. */
function stands(columns, currency, side) {
  const value = (name) => units(columns[name]);
  const told = (key, name) => value(name) > 0 && t(key, { amount: amount(value(name), currency) });
  const open = value('amount') - value('paid') - value('held') - value('returned');
  if (value('paid') === value('amount') && value('refunded') === 0) return t('part.is.paid');
  return [
    told('part.is.some', 'paid'), told('part.is.held', 'held'), told('part.is.back', 'refunded'), told('part.is.returned', 'returned'),
    told(`part.is.claimed${side}`, 'claimed'), open > value('claimed') && t('part.is.open', { amount: amount(open - value('claimed'), currency) }),
  ].filter(Boolean).join(', ');
}

/** What of an order is kept in tables of its own: what was ordered, how it is paid, how far the work is. */
export function parts({ lines, payments, fulfilments }, columns, offer, isOwn) {
  const side = isOwn ? '.you' : '';
  const { currency } = columns;
  const way = ({ leg, due }) => {
    const trigger = offer?.legs?.find((it) => it.leg === leg)?.trigger;
    return due ? t('part.by', { when: instant(due) }) : trigger && word(trigger);
  };
  const isOpen = !['cancelled', 'declined', 'expired'].includes(columns.state);
  return [
    lines.length > 0 && list(t('order.lines'), lines.map(({ columns: line }) => `${line.quantity} × ${line.title ?? line.item}`)),
    payments.length > 0 && list(t('order.pay'), payments.map(({ columns: leg }) => [
      amount(leg.amount, currency), payments.length > 1 ? `, ${word(leg.leg)}` : '', way(leg) ? `, ${way(leg)}` : '', leg.method ? `, ${word(leg.method)}` : '',
      isOpen || units(leg.paid) + units(leg.held) > 0 ? `: ${stands(leg, currency, side)}` : ''].join(''))),
    fulfilments.length > 0 && list(t('order.fulfil'), fulfilments.map(({ columns: leg }) => [
      word(leg.kind), fulfilments.length > 1 ? ` (${word(leg.leg)})` : '', `: ${word(leg.state)}`, leg.done ? `, ${instant(leg.done)}` : '', leg.proved ? `, ${t(`part.proved${side}`)}` : ''].join(''))),
  ];
}

/** An offer as its client agrees to it: what it costs and how that is paid, how it is done, until when it holds. */
export function offered({ breakup = [], total, legs = [], fulfilment = [], terms = [], arbiter, valid_until: until, silence_s: silence, return_s: back }) {
  const lines = (all) => h('ul', { class: 'plain' }, all.map((it) => h('li', null, it)));
  return h('div', null, h('p', null, h('strong', null, t('part.total'), ' ', amount(total))), pairs([
    [t('quote.parts'), lines(breakup.map((part) => `${part.title}: ${amount(part.amount)}`))],
    [t('order.pay'), lines(legs.map((leg) => [amount(leg.amount), word(leg.trigger), leg.due && instant(leg.due), leg.escrow && t('part.escrow')].filter(Boolean).join(', ')))],
    [t('quote.done'), fulfilment.map((it) => word(it.kind)).join(', ')],
    [columnName('valid_until'), instant(until)],
    [t('part.silence'), typeof silence === 'number' ? lasting(silence) : null],
    [t('part.return'), back ? lasting(back) : null],
    [t('part.terms'), terms.map((term) => `${word(term.stage)}: ${term.fee_bp / 100} %${term.fee_minor ? ` + ${amount(term.fee_minor, total?.currency)}` : ''}`).join(', ')],
    [t('part.arbiter'), arbiter && h('code', { class: 'long' }, digits(arbiter))],
  ]));
}
