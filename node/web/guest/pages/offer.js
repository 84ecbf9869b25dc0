// What is said of offers before anything else is there: whether one has run out, and what
// cancelling costs.

import { h } from './elements.js';
import { t, word } from './words.js';
import { amount } from './format.js';

export const isOver = ({ valid_until: until }, now) => typeof until === 'number' && until < now;

/** Whether an offer waits for the customer, but can't be agreed to any more. */
export const lapsed = (columns, now = Date.now()) => columns.next === 'client' && isOver(columns, now);

/** What cancelling costs, by how far the work is. */
export function terms(list, currency) {
  return (list ?? []).map(({ stage, fee_bp: bp, fee_minor: fee }) => h('li', null,
    t(stage === 'pending' ? 'term.pending' : 'term', { stage: word(stage), fee: [bp ? `${bp / 100} %` : null, fee ? amount(fee, currency) : null].filter(Boolean).join(' + ') || t('term.free') })));
}
