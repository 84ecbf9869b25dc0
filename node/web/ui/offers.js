// Which offer of an order stands, and whether another one may be made: the editor of offers is
// loaded where one is written.

import { digits } from './format.js';

/** Whether an order is in a state in which its provider may offer something. */
export const offerable = (state) => ['requested', 'quoted', 'countered'].includes(state);

/** The offer that stands, or that was agreed: the entry of it. */
export function offerOf(columns, entries) {
  const agree = entries.find((entry) => entry.id === digits(columns.agree));
  const wanted = digits(agree?.body?.quote) || digits(columns.quote);
  return entries.find((entry) => entry.id === wanted)
    ?? entries.findLast((entry) => ['order.quote', 'order.revise'].includes(entry.kind) && !entry.rejected && entry.verdict === 'accepted');
}
