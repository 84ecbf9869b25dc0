// Money: what is due, said to be paid, paid, given back and held, over all orders.

import { h, scroll } from '/elements.js';
import { locale, t, word } from '/words.js';
import { api, heading, problem, refresh, say, to } from '/app.js';
import { digits, instant, money as shownMoney, short, units } from '/format.js';
import { bars } from '/charts.js';

/** Legs that are looked at; a node with more says so. */
const MOST = 50000;
const COLUMNS = ['due', 'claimed', 'paid', 'refunded', 'held'];
const TONES = { due: 'warn', claimed: 'accent', paid: 'good', refunded: 'bad', held: 'soft' };

async function everything(view) {
  const found = [];
  let after;
  do {
    const page = await api.appRows('relation', view, { limit: 1000, after });
    found.push(...page.rows);
    after = page.next;
  } while (after && found.length < MOST);
  return { rows: found, more: Boolean(after) };
}

/** What of a leg is where; what is due is due by the order, not by a cancelled leg. */
export function shares(columns, state) {
  const [amount, claimed, paid, refunded, held, returned] = ['amount', 'claimed', 'paid', 'refunded', 'held', 'returned'].map((name) => units(columns[name]));
  const over = ['cancelled', 'declined', 'expired'].includes(state);
  return { due: over ? 0 : Math.max(0, amount - claimed - paid - held - returned), claimed, paid: paid - refunded, refunded: refunded + returned, held };
}

/** Sums by currency and month. */
export function sums(legs) {
  const all = new Map();
  for (const { currency, at, parts } of legs) {
    const of = all.get(currency) ?? { total: Object.fromEntries(COLUMNS.map((name) => [name, 0])), months: new Map() };
    const month = new Date(at).toISOString().slice(0, 7);
    const by = of.months.get(month) ?? Object.fromEntries(COLUMNS.map((name) => [name, 0]));
    for (const name of COLUMNS) {
      of.total[name] += parts[name];
      by[name] += parts[name];
    }
    of.months.set(month, by);
    all.set(currency, of);
  }
  return all;
}

/** The screen. */
export async function money({ topics, mine, parts: [side = 'in'] }) {
  const [payments, orders] = await Promise.all([everything('payments'), everything('orders')]);
  const byId = new Map(orders.rows.map((row) => [`${row.topic} ${digits(row.columns.order)}`, row]));
  const legs = [];
  for (const row of payments.rows) {
    const order = byId.get(`${row.topic} ${digits(row.columns.order)}`);
    if (!order || mine(order.columns.client) !== (side === 'out')) continue;
    const currency = row.columns.amount?.currency ?? order.columns.currency;
    legs.push({ row, order, currency, at: row.columns.due ?? order.columns.updated ?? 0, parts: shares(row.columns, order.columns.state) });
  }
  const claimed = legs.filter(({ parts }) => parts.claimed > 0);
  const tab = (name) => h('li', null, h('a', { href: to('money', name), 'aria-current': name === side ? 'true' : null }, t(`money.${name}`)));
  const totals = [...sums(legs)];
  return [
    heading(t('money')),
    h('nav', { 'aria-label': t('filter') }, h('ul', null, tab('in'), tab('out'))),
    (payments.more || orders.more) && h('p', { class: 'warn' }, t('money.more', { n: MOST })),
    totals.length === 0 && h('p', { class: 'soft' }, t('none')),
    totals.map(([currency, { total, months }]) => ofCurrency(currency, total, months)),
    side === 'in' && [h('h2', null, t('money.claims')), claimed.length
      ? h('ul', { class: 'cards' }, claimed.map((leg) => claim(leg, topics)))
      : h('p', { class: 'soft' }, t('money.noclaims'))],
    h('h2', null, t('money.open')), open(legs, topics),
  ];
}

function ofCurrency(currency, total, months) {
  const names = [...months.keys()].sort().slice(-12);
  const show = (value) => shownMoney(value, currency);
  const title = (month) => new Intl.DateTimeFormat(locale, { month: 'short', year: '2-digit', timeZone: 'UTC' }).format(Date.parse(`${month}-01T00:00:00Z`));
  return h('section', { 'aria-label': currency }, h('h2', null, currency),
    h('dl', { class: 'sums' }, COLUMNS.map((name) => h('div', { class: 'card' }, h('dt', null, t(`money.${name}`)), h('dd', { class: TONES[name] }, show(total[name]))))),
    bars(names.map((month) => ({ name: title(month), parts: COLUMNS.map((name) => [TONES[name], months.get(month)[name]]) })), t('money.chart', { currency }), show),
    h('p', { class: 'row legend' }, COLUMNS.map((name) => h('span', { class: TONES[name] }, `■ ${t(`money.${name}`)}`))),
    h('details', null, h('summary', null, t('money.table')), scroll(t('money.table'), h('table', null,
      h('thead', null, h('tr', null, h('th', { scope: 'col' }, t('money.month')), COLUMNS.map((name) => h('th', { scope: 'col' }, t(`money.${name}`))))),
      h('tbody', null, names.map((month) => h('tr', null, h('th', { scope: 'row' }, title(month)), COLUMNS.map((name) => h('td', null, show(months.get(month)[name])))))))),
    h('p', { class: 'hint' }, t('money.when'))));
}

const who = (leg, topics) => topics.find((topic) => topic.topic === leg.row.topic)?.name ?? short(leg.row.topic);
const orderLink = ({ row, order }) => h('a', { href: to('order', row.topic, 'orders', order.key) }, t('order.of', { id: short(order.columns.order) }));

function claim(leg, topics) {
  const { row, currency, parts } = leg;
  const wrong = h('div');
  const button = h('button', {
    type: 'button',
    class: 'main',
    onclick: async () => {
      button.disabled = true;
      try {
        await api.send(row.topic, 'pay.ack', { body: { order: digits(row.columns.order), leg: row.columns.leg, amount: { currency, minor: parts.claimed } } });
        say(t('done', { what: t('money.ack') }));
        refresh();
      } catch (error) {
        wrong.replaceChildren(problem(error));
        button.disabled = false;
      }
    },
  }, t('money.ack'));
  return h('li', { class: 'card' }, h('h3', null, orderLink(leg)), h('p', null, t('order.with', { name: who(leg, topics) })),
    h('p', null, t('money.says', { amount: shownMoney(parts.claimed, currency), leg: row.columns.leg, method: row.columns.method ?? '–' })), wrong, h('p', null, button));
}

function open(legs, topics) {
  const rows = legs.filter(({ parts }) => parts.due > 0 || parts.held > 0).sort((a, b) => (a.row.columns.due ?? Infinity) - (b.row.columns.due ?? Infinity)).slice(0, 200);
  if (!rows.length) return h('p', { class: 'soft' }, t('none'));
  return scroll(t('money.open'), h('table', null,
    h('thead', null, h('tr', null, ['orders', 'clients', 'money.leg', 'money.due', 'money.held', 'money.until'].map((name) => h('th', { scope: 'col' }, t(name))))),
    h('tbody', null, rows.map((leg) => h('tr', null, h('td', null, orderLink(leg)), h('td', null, who(leg, topics)), h('td', null, leg.row.columns.leg, ' ', h('span', { class: 'soft' }, word(leg.row.columns.state))),
      h('td', null, shownMoney(leg.parts.due, leg.currency)), h('td', null, leg.parts.held ? shownMoney(leg.parts.held, leg.currency) : ''),
      h('td', { class: leg.row.columns.due && leg.row.columns.due < Date.now() ? 'bad' : null }, leg.row.columns.due ? instant(leg.row.columns.due) : ''))))));
}
