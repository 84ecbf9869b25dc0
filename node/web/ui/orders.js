// Orders: the list by state, and one with its timeline and what can be done.

import { h, pairs, put, scroll } from '/elements.js';
import { t, word } from '/words.js';
import { api, heading, to } from '/app.js';
import { amount, digits, instant, short, shown } from '/format.js';
import { commandForm } from '/forms.js';
import { pages } from '/lists.js';
import { timeline } from '/timeline.js';
import { confirmOrder, offerable, offerOf, quoteForm } from '/quote.js';

const STATES = ['requested', 'quoted', 'countered', 'agreed', 'confirmed', 'in_progress', 'completed', 'cancelled', 'declined', 'expired'];
/** Orders of one state that are asked for at a time. */
const PAGE = 50;
const manifests = new Map();

/** The manifest of a topic's app; it does not change while a page is open. */
export async function manifestOf(topic) {
  if (!manifests.has(topic)) manifests.set(topic, await api.get(`/topics/${encodeURIComponent(topic)}/manifest`));
  return manifests.get(topic);
}

/** Rows of all relations in some states, by an index. */
export async function merged(view, states, limit = PAGE) {
  const pages = await Promise.all(states.map((state) => api.appRows('relation', view, { index: 'by_state', equal: [state], limit, desc: true })));
  return pages.flatMap((page) => page.rows);
}

/** An order on a card. */
export function card(row, { topics }, level = 'h3') {
  const { columns } = row;
  const topic = topics.find((topic) => topic.topic === row.topic);
  return h('li', { class: 'card' },
    h(level, { class: 'name' }, h('a', { href: to('order', row.topic, 'orders', row.key) }, t('order.of', { id: short(columns.order) }))),
    h('p', null, t('order.with', { name: topic?.name ?? short(row.topic) })),
    h('p', { class: 'row' }, h('span', { class: 'badge' }, word(columns.state)),
      columns.next && h('span', { class: 'soft' }, t('filter.next', { who: word(columns.next) })),
      row.tentative && h('span', { class: 'badge warn' }, t('tentative'))),
    h('p', null, amount(columns.total, columns.currency), ' ', h('span', { class: 'soft' }, instant(columns.updated))));
}

/** The list of orders of all relations, one state at a time. */
export async function orders(context) {
  const { parts: [chosen = 'requested'] } = context;
  const list = await pages((after) => api.appRows('relation', 'orders', { index: 'by_state', equal: [chosen], desc: true, limit: PAGE, after }),
    (row) => card(row, context, 'h2'), { kind: 'cards' });
  const tab = (state) => h('li', null, h('a', { href: to('orders', state), 'aria-current': state === chosen ? 'true' : null }, word(state)));
  return [heading(t('orders')), h('nav', { 'aria-label': t('filter') }, h('ul', null, STATES.map(tab))), list];
}

const BESIDE = { lines: 'order.lines', payments: 'order.pay', fulfilments: 'order.fulfil', returns: null, disputes: null };

/** One order or booking. */
export async function order(context) {
  const { parts: [topic, view, key], topics } = context;
  const [manifest, found, { entries }] = await Promise.all([
    manifestOf(topic),
    api.get(`/topics/${encodeURIComponent(topic)}/rows/${encodeURIComponent(view)}/${encodeURIComponent(key)}`),
    api.get(`/topics/${encodeURIComponent(topic)}/explain/${encodeURIComponent(key)}`),
  ]);
  const [row] = found.rows;
  const { columns } = row;
  const table = manifest.tables.find((table) => table.name === view);
  const beside = await Promise.all(Object.keys(BESIDE).map(async (name) => {
    const other = manifest.tables.find((table) => table.name === name);
    if (!other || view !== 'orders') return null;
    const { rows } = await api.rows(topic, name, { prefix: key });
    if (!rows.length) return null;
    return [h('h2', null, BESIDE[name] ? t(BESIDE[name]) : other.title), tableOf(other, rows, columns.currency)];
  }));
  const named = topics.find((it) => it.topic === topic);
  const said = ({ name }) => columns[name] !== null && columns[name] !== undefined;
  const pair = ({ name, type }) => [word(name), name === 'next' ? word(columns[name]) : shown(columns[name], type, columns.currency)];
  // what matters to people first; ids and what is zero are further down
  const isPlain = ({ name, type }) => !['entry', 'entity', 'id', 'bytes'].includes(type) && !['state', 'stage', 'currency', 'revision'].includes(name)
    && columns[name] !== 0 && columns[name] !== false;
  const about = table.columns.filter((column) => said(column) && isPlain(column)).map(pair);
  const rest = table.columns.filter((column) => said(column) && !isPlain(column)).map(pair);
  const editor = view === 'orders' && !context.mine(columns.client) ? await provider(topic, key, row, entries) : null;
  const actions = h('div', null, h('p', { class: 'soft' }, t('loading')));
  offer(topic, manifest, view === 'orders' ? 'order' : 'booking', digits(columns.order ?? columns.booking))
    .then((made) => put(actions, made), (error) => put(actions, error.message));
  return [
    heading(t('order.of', { id: short(columns.order ?? columns.booking) })),
    h('p', { class: 'row' }, h('span', { class: 'badge' }, word(columns.state)), row.tentative && h('span', { class: 'badge warn' }, t('tentative')),
      h('a', { href: to('chat', topic) }, t('order.with', { name: named?.name ?? short(topic) })),
      h('a', { href: to('audit', topic) }, t('audit')),
      view === 'orders' && h('a', { href: to('invoice', topic, key, 'order') }, t('order.print')),
      view === 'orders' && columns.agree && h('a', { href: to('invoice', topic, key) }, t('invoice'))),
    pairs(about), beside,
    h('h2', null, t('order.actions')), editor, actions,
    h('h2', null, t('order.history')), timeline(entries),
    h('details', null, h('summary', null, t('details')), pairs(rest)),
  ];
}

/** What a provider does with an order: offer, confirm, offer anew. */
async function provider(topic, key, row, entries) {
  const { state } = row.columns;
  const { rows: lines } = await api.rows(topic, 'lines', { prefix: key });
  const offer = offerOf(row.columns, entries)?.body;
  const fold = (label, made, open) => h('details', { class: 'card', open }, h('summary', null, label), made);
  if (offerable(state)) return fold(t('quote'), await quoteForm(topic, row, lines, offer), state === 'requested');
  if (state === 'agreed' && offer) return [fold(t('quote.confirm'), confirmOrder(topic, row, lines, offer), true), fold(t('quote.again'), await quoteForm(topic, row, lines, offer, 'order.revise'))];
  if (['confirmed', 'in_progress'].includes(state) && offer) return fold(t('quote.again'), await quoteForm(topic, row, lines, offer, 'order.revise'));
  return null;
}

/** Rows as a table. */
export function tableOf(table, rows, currency) {
  const used = table.columns.filter(({ name, type }) => !['entry', 'id'].includes(type) && rows.some((row) => row.columns[name] !== null && row.columns[name] !== undefined));
  return scroll(table.title, h('table', null,
    h('thead', null, h('tr', null, used.map(({ name }) => h('th', { scope: 'col' }, word(name))))),
    h('tbody', null, rows.map((row) => h('tr', null, used.map(({ name, type }) => {
      const text = shown(row.columns[name], type, currency);
      return h('td', null, name === 'state' ? word(text) : text);
    }))))));
}

/** What may be done with an order or booking: the node says of each command what the rules say. */
async function offer(topic, manifest, about, id) {
  const commands = manifest.events.filter((event) => event.command && event.fields[0]?.name === about && event.fields[0].type === 'entry');
  const asked = await Promise.all(commands.map(async (command) => {
    try {
      const answer = await api.send(topic, command.kind, { body: { [about]: id }, dry_run: true });
      return { command, verdict: answer.verdict };
    } catch (error) {
      if (error.status === 401 || error.status === 0) throw error;
      return { command, verdict: error.code };
    }
  }));
  const missing = ['incomplete', 'bad_event', 'bad_value', 'sum_mismatch', 'unknown_leg', 'no_take'];
  const one = ({ command, verdict }) => h('details', { class: 'card' },
    h('summary', null, command.title, missing.includes(verdict) || verdict === 'accepted' ? null : h('span', { class: 'soft' }, ` (${word(verdict)})`)),
    commandForm(topic, command, { [about]: id }));
  const now = asked.filter(({ verdict }) => verdict === 'accepted');
  const more = asked.filter(({ verdict }) => missing.includes(verdict));
  const later = asked.filter((it) => !now.includes(it) && !more.includes(it));
  return h('div', null, now.map(one),
    more.length > 0 && h('details', { open: now.length === 0 }, h('summary', null, t('order.needs')), more.map(one)),
    later.length > 0 && h('details', null, h('summary', null, t('order.notnow')), later.map(one)));
}
