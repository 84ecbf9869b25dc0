// Orders: the list by state, and one with its timeline and what can be done.

import { fresh, h, pairs, put, scroll } from './elements.js';
import { t, word } from './words.js';
import { api, atTime, heading, problem, refresh, to } from './app.js';
import { amount, digits, instant, short, shown, typed, units } from './format.js';
import { eraser, mayErase } from './erasing.js';
import { commandForm, field, form, manifestOf, written } from './forms.js';
import { card, nameOf, waitsFor, zones } from './cards.js';
import { pages } from './lists.js';
import { timeline } from './timeline.js';
import { dayOf, full, here, stretch } from './zones.js';
import { columnName, tableTitle, titleOf, valueOf } from './terms.js';
import { offerable, offerOf } from './offers.js';
import { asked, zoneOf } from './requests.js';

/** Orders that are asked for at a time. */
const PAGE = 50;
const STATES = ['requested', 'quoted', 'countered', 'agreed', 'confirmed', 'in_progress', 'completed', 'cancelled', 'declined', 'expired'];

/** The first state in which there are orders. */
async function first() {
  const found = await Promise.all(STATES.map((state) => api.appRows('relation', 'orders', { index: 'by_state', equal: [state], limit: 1 })));
  return STATES.find((_, at) => found[at].rows.length) ?? STATES[0];
}

/** The list of orders of all relations, one state at a time. */
export async function orders(context) {
  const chosen = context.parts[0] ?? await first();
  const list = await pages((after) => api.appRows('relation', 'orders', { index: 'by_state', equal: [chosen], desc: true, limit: PAGE, after }),
    (row) => card(row, context, 'h2'), { kind: 'cards' });
  const tab = (state) => h('li', null, h('a', { href: to('orders', state), 'aria-current': state === chosen ? 'true' : null }, word(state)));
  return [heading(t('orders')), h('nav', { 'aria-label': t('filter') }, h('ul', null, STATES.map(tab))), list];
}

/** Tables beside an order: the first three have words of their own, the others are shown as they are. */
const BESIDE = ['lines', 'payments', 'fulfilments', 'returns', 'disputes'];

/** One order or booking. */
export async function order(context) {
  const { parts: [topic, view, key], topics } = context;
  const [{ facts, offered, parts }, manifest, found, { entries }] = await Promise.all([
    // of all that lists orders it is needed here alone
    import('./parts.js'),
    manifestOf(topic),
    api.get(`/topics/${encodeURIComponent(topic)}/rows/${encodeURIComponent(view)}/${encodeURIComponent(key)}`),
    api.get(`/topics/${encodeURIComponent(topic)}/explain/${encodeURIComponent(key)}`),
  ]);
  const [row] = found.rows;
  const { columns } = row;
  const table = manifest.tables.find((table) => table.name === view);
  const isOrder = view === 'orders';
  const isOwn = isOrder && context.mine(columns.client);
  const kept = await Promise.all(isOrder ? BESIDE.map(async (name) => [name, (await api.rows(topic, name, { prefix: key })).rows]) : []);
  const others = kept.slice(3).filter(([, rows]) => rows.length).map(([name, rows]) => {
    const other = manifest.tables.find((table) => table.name === name);
    return [h('h2', null, tableTitle(other)), tableOf(other, rows, columns.currency)];
  });
  const relation = topics.find((it) => it.topic === topic);
  const said = ({ name }) => columns[name] !== null && columns[name] !== undefined;
  const pair = ({ name, type }) => [columnName(name), valueOf(name, shown(columns[name], type, columns.currency))];
  // what matters to people first; ids and what is zero are further down
  const isPlain = ({ name, type }) => !['entry', 'entity', 'id', 'bytes'].includes(type) && !['state', 'stage', 'next', 'currency', 'revision'].includes(name)
    && columns[name] !== false && !((type === 'money' || typeof columns[name] === 'number') && units(columns[name]) === 0);
  const name = await nameOf({ ...row, topic, table: view, key });
  const zone = isOrder ? await zoneOf(entries, columns) : zones.get(`${topic} ${key}`) ?? here();
  const about = isOrder ? facts(columns, isOwn) : booked(columns, zone).concat( table.columns.filter((column) => said(column) && isPlain(column) && !TIMED.includes(column.name)).map(pair));
  const isId = ({ name, type }) => ['entry', 'entity', 'id', 'bytes'].includes(type) || name === 'revision';
  const rest = table.columns.filter((column) => said(column) && (isOrder ? isId(column) : !isPlain(column))).map(pair);
  const beside = isOrder && [parts(Object.fromEntries(kept), columns, offerOf(columns, entries)?.body, isOwn), others];
  const id = digits(columns.order ?? columns.booking);
  const [editor, end] = isOrder && !isOwn ? await Promise.all([provider(topic, key, row, entries), ending(context, topic, key, row, entries)]) : [];
  const [progress, actions] = [0, 1].map(() => h('div', null, h('p', { class: 'soft' }, t('loading'))));
  const failed = (element) => (error) => put(element, problem(error));
  const making = [
    steps(topic, manifest, id, isOrder ? key : null).then((made) => put(progress, made), failed(progress)),
    offer(topic, manifest, isOrder ? 'order' : 'booking', id, { key, entries, currency: columns.currency, hasEditor: Boolean(editor), hasEnd: Boolean(end), offered, isAgreed: Boolean(columns.agree),
      isOff: isOrder && OFF.includes(columns.state) && units(columns.balance) <= 0,
      standing: isOrder && entries.find((entry) => entry.id === digits(columns.quote) && entry.body) })
      .then((made) => put(actions, made), failed(actions)),
  ];
  // what was opened is opened again only where it is there already
  if (context.again) await Promise.all(making);
  return [
    heading(isOrder ? name || t('order.of', { id: short(id) }) : t('order.booking', { name: name || columns.resource })),
    h('p', { class: 'row' }, h('span', { class: 'badge' }, word(columns.state)), columns.next && h('span', { class: 'soft' }, waitsFor(row, context.mine)),
      row.tentative && h('span', { class: 'badge warn' }, t('tentative')),
      h('a', { href: to('chat', topic) }, t('order.with', { name: relation?.name ?? short(topic) })),
      h('a', { href: to('audit', topic) }, t('audit')),
      !isOrder && columns.start && h('a', { href: to('calendar', 'day', dayOf(columns.start, here())) }, t('calendar')),
      isOrder && h('a', { href: to('invoice', topic, key, 'order') }, t('order.print')),
      isOrder && columns.agree && h('a', { href: to('invoice', topic, key) }, t('invoice'))),
    pairs([...asked(entries, id, { zone, erasing: (request) => mayErase(context, topic, request.entity) && eraser(id) }), ...about]), beside,
    h('h2', null, t('order.actions')), end, progress, editor, actions,
    h('h2', null, t('order.history')), timeline(entries),
    h('details', null, h('summary', null, t('details')), pairs([[t('invoice.number'), short(id)], ...rest])),
  ];
}

/** Columns of a booking that are told by the clock of its place. */
const TIMED = ['start', 'end', 'held_until', 'resource'];
const booked = ({ start, end, held_until: until }, zone) => [[t('part.when'), stretch(start, end, zone, t('calendar.you'))],
  [columnName('held_until'), until && `${full(until, zone)}${zone === here() ? '' : ` (${zone})`}`]];

/** What a provider does with an order: offer, confirm, offer anew. */
async function provider(topic, key, row, entries) {
  const { state } = row.columns;
  const { rows: lines } = await api.rows(topic, 'lines', { prefix: key });
  const offer = offerOf(row.columns, entries)?.body;
  const { confirmOrder, quoteForm, tidyUp } = await import('./quote.js');
  const fold = (label, made, open) => h('details', { class: 'card', open }, h('summary', null, label), made);
  const request = entries.find((entry) => entry.id === digits(row.columns.order));
  if (offerable(state)) return [state === 'countered' && wish(entries, offer), fold(t('quote'), await quoteForm(topic, row, lines, offer, 'order.quote', request), state !== 'quoted')];
  if (state === 'agreed' && offer) return [fold(t('quote.confirm'), confirmOrder(topic, row, lines, offer), true), fold(t('quote.again'), await quoteForm(topic, row, lines, offer, 'order.revise'))];
  if (OFF.includes(state)) return tidyUp(topic, row, lines, offer).catch(() => null);
  if (['confirmed', 'in_progress'].includes(state) && offer) return fold(t('quote.again'), await quoteForm(topic, row, lines, offer, 'order.revise'));
  return null;
}

/** States of an order that came to nothing. */
const OFF = ['cancelled', 'declined', 'expired'];

/** States of work after which nothing more is to be done. */
const OVER = ['delivered', 'completed', 'accessed', 'failed', 'returned'];

/** What is left of an order whose work is done: the client's word, or that they say nothing for the agreed time. */
async function ending(context, topic, key, { columns }, entries) {
  const order = digits(columns.order);
  if (columns.next !== 'client' || !['confirmed', 'in_progress'].includes(columns.state)) return null;
  const { rows } = await api.rows(topic, 'fulfilments', { prefix: key });
  if (!rows.every((leg) => OVER.includes(leg.columns.state))) return null;
  const silence = offerOf(columns, entries)?.body?.silence_s;
  const steps = entries.filter((entry) => ['fulfil.state', 'order.confirm'].includes(entry.kind) && entry.verdict === 'accepted' && !entry.rejected);
  const until = Math.max(0, ...steps.map((entry) => Date.parse(entry.time))) + silence * 1000;
  const left = until - Date.now();
  const isOver = left <= 0 && await rehearse(topic, 'order.complete', { order }) === 'accepted';
  // the button comes when its time does
  const timer = left > 0 && atTime(until + 50, refresh);
  context.leave = () => clearTimeout(timer);
  const told = Number.isNaN(until) ? t('silence.never') : t(isOver ? 'silence.over' : 'silence.until', { when: instant(until) });
  return h('section', { class: 'card', 'aria-label': t('silence') }, h('h3', null, t('silence')), h('p', null, t('silence.left')), h('p', null, told),
    isOver && form([], t('silence.end'), async () => { written(await api.send(topic, 'order.complete', { body: { order } })); }));
}

/** What the client asked for instead of the offer. */
function wish(entries, offer) {
  const counter = entries.findLast((entry) => entry.kind === 'order.counter' && entry.verdict === 'accepted' && !entry.rejected);
  if (!counter) return null;
  const { total, note } = counter.body ?? {};
  return h('section', { class: 'card', 'aria-label': t('quote.wish') }, h('h3', null, t('quote.wish')),
    total && h('p', null, h('strong', null, t('quote.wishes', { amount: amount(total) })), offer?.total && h('span', { class: 'soft' }, ` (${t('quote.offered', { amount: amount(offer.total) })})`)),
    note && h('p', null, note), h('p', { class: 'soft' }, instant(counter.time)));
}

/** Rows as a table. */
export function tableOf(table, rows, currency) {
  // what is nothing in all rows is no column
  const says = (value, type) => value !== null && value !== undefined && value !== false && !(type === 'money' && units(value) === 0);
  const used = table.columns.filter(({ name, type }) => !['entry', 'id'].includes(type) && name !== 'line' && rows.some((row) => says(row.columns[name], type)));
  return scroll(tableTitle(table), h('table', null,
    h('thead', null, h('tr', null, used.map(({ name }) => h('th', { scope: 'col' }, columnName(name))))),
    h('tbody', null, rows.map((row) => h('tr', null, used.map(({ name, type }) => h('td', null, valueOf(name, shown(row.columns[name], type, currency)))))))));
}

/** What the rules say of an event that is not written. */
async function rehearse(topic, kind, body) {
  try {
    return (await api.send(topic, kind, { body, dry_run: true })).verdict;
  } catch (error) {
    if (error.status === 401 || error.status === 0) throw error;
    return error.rule ?? error.code;
  }
}

/** The steps of the kinds of fulfilment; which of them comes next is for the rules to say. */
const STEPS = {
  goods: ['assigned', 'packed', 'picked_up', 'out_for_delivery', 'delivered'],
  pickup: ['assigned', 'packed', 'delivered'],
  visit: ['in_transit', 'at_location', 'started', 'completed'],
  digital: ['available', 'accessed'],
};

/** How far the work is: a button for each state that can be next. */
async function steps(topic, manifest, order, key) {
  if (!key || !manifest.events.some((event) => event.kind === 'fulfil.state')) return null;
  const { rows } = await api.rows(topic, 'fulfilments', { prefix: key });
  const legs = await Promise.all(rows.map(async ({ columns }) => {
    const states = [...(STEPS[columns.kind] ?? []), 'failed', 'returned'];
    const tried = await Promise.all(states.map((state) => rehearse(topic, 'fulfil.state', { order, leg: columns.leg, state })));
    const said = (verdict) => states.filter((_, at) => tried[at] === verdict);
    return { leg: columns.leg, kind: columns.kind, state: columns.state, next: said('accepted'), proofs: said('no_proof'), isUnpaid: tried.includes('unpaid') };
  }));
  const open = legs.filter(({ next, proofs, isUnpaid }) => next.length || proofs.length || isUnpaid);
  return open.map((it) => leg(topic, order, it, legs.length > 1));
}

function leg(topic, order, { leg, kind, state, next, proofs, isUnpaid }, isOneOfMany) {
  const go = (next) => api.send(topic, 'fulfil.state', { body: { order, leg, state: next } });
  const told = h('div');
  const button = (to_) => {
    const isWay = !['failed', 'returned'].includes(to_);
    const pressed = async ({ target }) => {
      // who hits failed by mistake can't take it back
      if (!isWay && !confirm(t('fulfil.sure', { state: word(to_) }))) return;
      target.disabled = true;
      told.replaceChildren();
      try {
        written(await go(to_), '', to_);
        refresh(true);
      } catch (error) {
        put(told, problem(error));
      } finally {
        target.disabled = false;
      }
    };
    return h('button', { type: 'button', class: isWay ? 'main' : null, onclick: pressed }, t('fulfil.now', { state: word(to_) }));
  };
  const title = t('fulfil', { kind: word(kind) }) + (isOneOfMany ? ` (${word(leg)})` : '');
  const id = fresh('leg');
  return h('section', { class: 'card', 'aria-labelledby': id }, h('h3', { id }, title),
    h('p', null, t('fulfil.is', { state: word(state) })),
    isUnpaid && h('p', { class: 'warn' }, t('fulfil.unpaid')),
    next.length > 0 && h('p', { class: 'row' }, next.map(button)), told,
    proofs.map((to_) => proof(topic, { order, leg }, to_, go)));
}

/** The last step, for which the client's code is asked for. */
function proof(topic, about, state, go) {
  const code = h('input', { required: true, autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', 'data-secret': true });
  return form([h('p', { class: 'hint' }, t('fulfil.ask')), field(t('fulfil.code'), code, t('fulfil.code.hint'))], t('fulfil.now', { state: word(state) }), async () => {
    // those of before there were short ones have 64 digits
    const symbols = code.value.replace(/[\s-]/g, '');
    if (!/^([0-9a-tv-z]{16}|[0-9a-f]{64})$/i.test(symbols)) throw new Error(t('fulfil.code.wrong', { n: symbols.length }));
    const preimage = symbols.length === 16 ? symbols.match(/.{4}/g).join('-') : symbols;
    await api.send(topic, 'fulfil.proof', { body: { ...about, preimage } }).catch((error) => {
      throw error.rule === 'no_proof' ? new Error(t('fulfil.code.other')) : error;
    });
    written(await go(state), '', state);
  });
}

/** What has a form or buttons of its own, or is written by programs. */
const APART = ['fulfil.state', 'fulfil.proof', 'order.quote', 'order.revise', 'order.reserve', 'order.link', 'booking.confirm', 'booking.reschedule'];

/** With what a command is rehearsed: what is known of the order fills in what it needs. `preset` can be changed. */
async function filled(topic, { kind, title }, known, { key, entries, currency, standing, offered, isOff }, rowsOf) {
  const inFull = (minor) => (minor > 0 ? `${typed(minor, currency)} ${currency}` : null);
  const ofLegs = async (left) => (await rowsOf('payments')).map(({ columns }) => {
    const value = (name) => units(columns[name]);
    return { leg: columns.leg, minor: left(value) };
  }).filter(({ minor }) => minor > 0).map(({ leg, minor }, _, { length }) => ({ known: { ...known, leg }, preset: { amount: inFull(minor) }, label: `${title}: ${amount(minor, currency)}${length > 1 ? ` (${word(leg)})` : ''}` }));
  const received = (value) => value('paid') + value('held') + value('returned');
  switch (kind) {
    // of an order that came to nothing nothing is owed, whatever its legs say
    case 'pay.claim': return ofLegs((value) => (isOff ? 0 : value('amount') - received(value) - value('claimed')));
    case 'pay.ack': case 'pay.hold': return ofLegs((value) => value('claimed') || (isOff ? 0 : value('amount') - received(value)));
    case 'pay.refund': return ofLegs((value) => value('paid') - value('refunded'));
    case 'pay.release': return ofLegs((value) => value('held'));
    case 'pay.split': return (await ofLegs((value) => value('held'))).map((it) => ({ ...it, preset: { provider: it.preset.amount, client: `0 ${currency}` } }));
    case 'dispute.rule': {
      const held = (await rowsOf('payments')).reduce((sum, { columns }) => sum + units(columns.held), 0);
      return currency ? [{ known, preset: { provider: `${typed(held, currency)} ${currency}`, client: `0 ${currency}` } }] : [];
    }
    case 'return.approve': case 'return.decline': case 'return.received':
      return (await rowsOf('returns')).map(({ columns }) => ({ known: { ...known, return: digits(columns.return) }, preset: {} }));
    case 'return.request': {
      const lines = (await rowsOf('lines')).map(({ columns }) => ({ line: columns.line, quantity: columns.quantity }));
      return (await rowsOf('fulfilments')).map(({ columns }) => ({ known: { ...known, leg: columns.leg, lines }, preset: { outcome: 'refund' } }));
    }
    case 'order.receipt':
      return entries.filter((entry) => entry.kind === 'order.cancel').map((entry) => ({ known: { ...known, cancel: entry.id }, preset: {} }));
    // agreed to is what stands beside the button, and nothing that came since
    case 'order.agree': case 'order.counter': return standing ? [{ known: { ...known, quote: standing.id }, beside: offered(standing.body), preset: {} }] : [];
    case 'booking.hold': return [{ known, tried: { until: Date.now() + 3600000 }, preset: {} }];
    default: return [{ known, preset: {} }];
  }
}

/** What was asked for, and nothing agreed on, is declined and not cancelled. */
const INSTEAD = { 'order.cancel': 'order.decline', 'booking.cancel': 'booking.decline' };

/** What may be done with an order or booking now: the node says of each command what the rules say. */
async function offer(topic, manifest, about, id, facts) {
  const commands = manifest.events.filter((event) => event.command && event.fields[0]?.name === about && event.fields[0].type === 'entry'
    && !APART.includes(event.kind) && !(facts.hasEditor && event.kind === 'order.confirm') && !(facts.hasEnd && event.kind === 'order.complete'))
    .map((command) => ({ ...command, title: titleOf(command) }));
  const asked = new Map();
  const rowsOf = (view) => {
    if (!asked.has(view)) asked.set(view, api.rows(topic, view, { prefix: facts.key }).then(({ rows }) => rows));
    return asked.get(view);
  };
  const possible = await Promise.all(commands.map(async (command) => {
    const ways = await filled(topic, command, { [about]: id }, facts, rowsOf);
    return Promise.all(ways.map(async (way) => {
      const verdict = await rehearse(topic, command.kind, { ...way.known, ...way.preset, ...way.tried });
      return verdict === 'accepted' ? { command, ...way } : null;
    }));
  }));
  const all = possible.flat().filter(Boolean);
  const now = all.filter(({ command }) => facts.isAgreed || !all.some((it) => it.command.kind === INSTEAD[command.kind]));
  return h('div', null, now.map(({ command, known, preset, beside, label = command.title }) => h('details', { class: 'card' },
    h('summary', null, label), beside, commandForm(topic, command, known, preset, command.title))),
  now.length === 0 && h('p', { class: 'soft' }, t('order.nothing')));
}
