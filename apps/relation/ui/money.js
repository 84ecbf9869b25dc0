// Money: what is due, said to be paid, paid, given back and held, over all orders.

import { connect, digits, formats, redraw, short, translator, units } from './synlog/app.js';
import { h, put, scroll } from './synlog/elements.js';
import { bars } from './synlog/charts.js';
import { words } from './words.js';

/** Legs that are looked at; a node with more says so. */
const MOST = 50000;
const OPEN_MAX = 200;
const COLUMNS = ['due', 'claimed', 'paid', 'refunded', 'held'];
const TONES = { due: 'warn', claimed: 'accent', paid: 'good', refunded: 'bad', held: 'soft' };

const app = await connect();
const t = translator(words, app.about);
const { instant, money } = formats(app.about);
const main = document.getElementById('main');
const isMine = (id) => digits(id) === app.about.me;
let side = app.about.place[0] === 'out' ? 'out' : 'in';

const stateName = (state) => { const name = t(`state.${state}`); return name.startsWith('state.') ? String(state).replaceAll('_', ' ') : name; };

async function everything(view) {
  const found = [];
  for await (const row of app.allRows(view)) {
    if (found.length >= MOST) return { rows: found, more: true };
    found.push(row);
  }
  return { rows: found, more: false };
}

/** What of a leg is where; what is due is due by the order, not by a cancelled leg. */
function shares(columns, state) {
  const [amount, claimed, paid, refunded, held, returned] = ['amount', 'claimed', 'paid', 'refunded', 'held', 'returned'].map((name) => units(columns[name]));
  const over = ['cancelled', 'declined', 'expired'].includes(state);
  return { due: over ? 0 : Math.max(0, amount - claimed - paid - held - returned), claimed, paid: paid - refunded, refunded: refunded + returned, held };
}

/** Sums by currency and month. */
function sums(legs) {
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

async function show() {
  const [payments, orders] = await Promise.all([everything('payments'), everything('orders')]);
  const byId = new Map(orders.rows.map((row) => [`${row.topic} ${digits(row.columns.order)}`, row]));
  const legs = [];
  for (const row of payments.rows) {
    const order = byId.get(`${row.topic} ${digits(row.columns.order)}`);
    if (!order || isMine(order.columns.client) !== (side === 'out')) continue;
    const currency = row.columns.amount?.currency ?? order.columns.currency;
    legs.push({ row, order, currency, at: row.columns.due ?? order.columns.updated ?? 0, parts: shares(row.columns, order.columns.state) });
  }
  const claimed = legs.filter(({ parts }) => parts.claimed > 0);
  const tab = (name) => h('button', { type: 'button', 'aria-pressed': String(name === side), class: name === side ? 'main' : null, onclick: () => { side = name; show(); } }, t(name));
  const totals = [...sums(legs)];
  redraw(main, () => put(main,
    h('div', { class: 'row', role: 'group', 'aria-label': t('filter') }, tab('in'), tab('out')),
    (payments.more || orders.more) && h('p', { class: 'warn' }, t('more', { n: MOST })),
    totals.length === 0 && h('p', { class: 'soft' }, t('none')),
    totals.map(([currency, { total, months }]) => ofCurrency(currency, total, months)),
    side === 'in' && [h('h2', null, t('claims')), claimed.length
      ? h('ul', { class: 'cards' }, claimed.map(claim))
      : h('p', { class: 'soft' }, t('noclaims'))],
    h('h2', null, t('open')), open(legs)));
}

function ofCurrency(currency, total, months) {
  const names = [...months.keys()].sort().slice(-12);
  const amount = (value) => money(value, currency);
  const title = (month) => new Intl.DateTimeFormat(app.about.locale, { month: 'short', year: 'numeric', timeZone: 'UTC' }).format(Date.parse(`${month}-01T00:00:00Z`));
  return h('section', { 'aria-label': currency }, h('h2', null, currency),
    h('dl', { class: 'sums' }, COLUMNS.map((name) => h('div', { class: 'card' }, h('dt', null, t(name)), h('dd', { class: TONES[name] }, amount(total[name]))))),
    bars(names.map((month) => ({ name: title(month), parts: COLUMNS.map((name) => [TONES[name], months.get(month)[name]]) })), t('chart', { currency }), amount),
    h('p', { class: 'row legend' }, COLUMNS.map((name) => h('span', { class: TONES[name] }, `■ ${t(name)}`))),
    h('details', null, h('summary', null, t('table')), scroll(`${t('table')} ${currency}`, h('table', null,
      h('thead', null, h('tr', null, h('th', { scope: 'col' }, t('month')), COLUMNS.map((name) => h('th', { scope: 'col' }, t(name))))),
      h('tbody', null, names.map((month) => h('tr', null, h('th', { scope: 'row' }, title(month)), COLUMNS.map((name) => h('td', null, amount(months.get(month)[name])))))))),
    h('p', { class: 'hint' }, t('when'))));
}

const who = (leg) => app.about.topics.find((topic) => topic.topic === leg.row.topic)?.name ?? short(leg.row.topic);
const orderLink = ({ row, order }) => h('button', { type: 'button', onclick: () => app.open('order', row.topic, 'orders', order.key) }, t('of', { id: short(order.columns.order) }));

function claim(leg) {
  const { row, currency, parts } = leg;
  const wrong = h('div');
  const button = h('button', {
    type: 'button',
    class: 'main',
    onclick: async () => {
      button.disabled = true;
      try {
        await app.send(row.topic, 'pay.ack', { order: digits(row.columns.order), leg: row.columns.leg, amount: { currency, minor: parts.claimed } });
        await app.notice(t('done')).catch(() => {});
        await show();
      } catch (error) {
        put(wrong, h('p', { class: 'problem', role: 'alert' }, error.message));
        button.disabled = false;
      }
    },
  }, t('ack'));
  return h('li', { class: 'card' }, h('h3', null, t('for', { name: who(leg) })),
    h('p', null, t('says', { amount: money(parts.claimed, currency), leg: row.columns.leg, method: row.columns.method ?? '–' })), wrong, h('p', { class: 'row' }, button, orderLink(leg)));
}

function open(legs) {
  const rows = legs.filter(({ parts }) => parts.due > 0 || parts.held > 0).sort((a, b) => (a.row.columns.due ?? Infinity) - (b.row.columns.due ?? Infinity)).slice(0, OPEN_MAX);
  if (!rows.length) return h('p', { class: 'soft' }, t('none'));
  return scroll(t('open'), h('table', null,
    h('thead', null, h('tr', null, ['order', 'with', 'leg', 'due', 'held', 'until'].map((name) => h('th', { scope: 'col' }, t(name))))),
    h('tbody', null, rows.map((leg) => h('tr', null, h('td', null, orderLink(leg)), h('td', null, who(leg)), h('td', null, leg.row.columns.leg, ' ', h('span', { class: 'soft' }, stateName(leg.row.columns.state))),
      h('td', null, money(leg.parts.due, leg.currency)), h('td', null, leg.parts.held ? money(leg.parts.held, leg.currency) : ''),
      h('td', { class: leg.row.columns.due && leg.row.columns.due < Date.now() ? 'bad' : null }, leg.row.columns.due ? instant(leg.row.columns.due) : ''))))));
}

const failed = (error) => put(main, h('p', { class: 'problem', role: 'alert' }, error.message));
await show().catch(failed);
await app.watch(() => show().catch(failed));
