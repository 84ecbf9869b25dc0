// My orders: those in which I am the client.

import { h } from './elements.js';
import { t } from './words.js';
import { api, heading, to } from './app.js';
import { card } from './cards.js';
import { pages } from './lists.js';
import { amount } from './format.js';

const OPEN = ['requested', 'quoted', 'countered', 'agreed', 'confirmed', 'in_progress'];
const OVER = ['completed', 'cancelled', 'declined', 'expired'];
const PAGE = 100;

/** Orders of some states one state after the other, those of others left out. */
function asking(states, mine) {
  return async (place) => {
    let [at, after] = place ? JSON.parse(place) : [0, undefined];
    const rows = [];
    while (at < states.length && rows.length < PAGE / 2) {
      const page = await api.appRows('relation', 'orders', { index: 'by_state', equal: [states[at]], desc: true, limit: PAGE, after });
      rows.push(...page.rows.filter((row) => mine(row.columns.client)));
      after = page.next ?? undefined;
      if (!after) at += 1;
    }
    return { rows, next: at < states.length ? JSON.stringify([at, after]) : null };
  };
}

/** The screen. */
export async function mine(context) {
  const { parts: [chosen = 'open'] } = context;
  const states = chosen === 'over' ? OVER : OPEN;
  const tab = (name) => h('li', null, h('a', { href: to('mine', name), 'aria-current': name === chosen ? 'true' : null }, t(`mine.${name}`)));
  const show = (row) => {
    const made = card(row, context, 'h2');
    const { fee_now: fee, currency, state } = row.columns;
    if (fee !== null && fee !== undefined && !OVER.includes(state)) made.append(h('p', { class: 'soft' }, t('mine.fee', { fee: amount(fee, currency) || '0' })));
    return made;
  };
  return [heading(t('mine')), h('nav', { 'aria-label': t('filter') }, h('ul', null, tab('open'), tab('over'))),
    await pages(asking(states, context.mine), show, { kind: 'cards', none: t('mine.none') }),
    h('p', null, h('a', { href: to('discover') }, t('discover')))];
}
