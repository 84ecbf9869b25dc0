// My orders: the list, and one with its history, the offers side by side, and what can be
// done next: that follows from the commands of the app and a rehearsal of each.

import { h, pairs, put } from './elements.js';
import { t, word } from './words.js';
import { amount, digits, instant, lasting, short } from './format.js';
import { app, heading, say, to } from './app.js';
import { span, when } from './clock.js';
import { begins, elsewhere, known, stretch } from './booking.js';
import { held } from './catalog.js';
import { eraser } from './erasing.js';
import { bytes, field, form, minor, problem } from './form.js';
import { lapsed } from './offer.js';
import { compared, conditions, payment } from './offers.js';
import { SIZE, squares } from './squares.js';
import { typed } from './typed.js';

/** States of what has come. */
const DONE = ['delivered', 'completed', 'accessed'];

/** Minor units of a column of money, which may stand with its currency. */
const units = (value) => value?.minor ?? value ?? 0;

/** Whether the customer says to have paid something, and the provider did not say so yet. */
const isClaimed = (rows, key) => table(rows, 'payments', key).some(({ columns }) => units(columns.claimed) > 0);

const table = (rows, name, key) => (rows?.tables[name] ?? []).filter((row) => key === undefined || row.key === key);

function badge(row, id, unsent) {
  return [h('span', { class: 'badge' }, word(row.columns.state)), unsent.some(names(id)) && h('span', { class: 'badge warn' }, t('tentative'))];
}

/** Whose turn it is, in words. */
function turn(columns) {
  if (lapsed(columns)) return h('span', { class: 'warn' }, t('offer.over.long'));
  return columns.next && h('span', { class: 'soft' }, columns.next === 'arbiter' ? t('next.arbiter') : t('filter.next', { who: word(columns.next) }));
}

/** Lines of an order that stand in its name. */
const NAMED = 2;

const oneLine = ({ quantity, title, item }) => `${quantity} × ${title ?? item}`;

/** What was ordered, in one line. */
function inShort(all) {
  const said = all.slice(0, NAMED).map(oneLine).join(', ');
  return all.length > NAMED ? t('order.rest', { lines: said, n: all.length - NAMED }) : said;
}
const lines = (rows, key) => inShort(table(rows, 'lines', key).map(({ columns }) => columns));

/** All that was ordered, with what was chosen of it, where its name does not say that already. */
function whole(request) {
  const all = request?.body?.lines ?? [];
  if (all.length <= NAMED && !all.some(({ options }) => options?.length)) return null;
  return [h('h2', null, t('order.lines')), h('ul', null, all.map((line) => h('li', null, oneLine(line), line.options?.length ? h('div', { class: 'soft' }, line.options.join(', ')) : null)))];
}

/** All orders, bookings and drafts. */
export async function orders() {
  const rows = app.link.rows();
  const sorted = table(rows, 'orders').sort((a, b) => (b.columns.updated ?? 0) - (a.columns.updated ?? 0));
  const bookings = table(rows, 'bookings').sort((a, b) => (b.columns.start ?? 0) - (a.columns.start ?? 0));
  const unsent = app.link.onTheWay();
  const places = await Promise.all(bookings.map(({ columns }) => known(columns)));
  return [
    heading(t('orders')),
    app.link.asked && h('p', { class: 'warn' }, t('relation.asked')),
    app.link.drafts.length > 0 && [h('h2', null, t('drafts')),
      h('ul', { class: 'cards' }, app.link.drafts.map((draft) => h('li', { class: 'card' }, h('p', null, t(`do.${draft.kind}`)),
        h('p', { class: 'soft' }, inShort(draft.body.lines ?? []) || draft.body.resource || draft.body.text || ''),
        held(draft))))],
    sorted.length ? h('ul', { class: 'cards' }, sorted.map((row) => h('li', { class: 'card' },
      h('h2', { class: 'name' }, h('a', { href: to('order', digits(row.columns.order)) }, lines(rows, row.key) || t('order.of', { id: short(row.columns.order) }))),
      h('p', { class: 'row' }, badge(row, digits(row.columns.order), unsent), turn(row.columns), isClaimed(rows, row.key) && h('span', { class: 'soft' }, t('pay.claimed'))),
      h('p', null, row.columns.total ? amount(row.columns.total, row.columns.currency) : '', ' ', h('span', { class: 'soft' }, instant(row.columns.updated))))))
      : app.link.drafts.length === 0 && h('p', { class: 'soft' }, t('orders.none')),
    bookings.length > 0 && [h('h2', null, t('bookings')), h('ul', { class: 'cards' }, bookings.map((row, at) => h('li', { class: 'card' },
      h('h3', { class: 'name' }, h('a', { href: to('booking', digits(row.columns.booking)) }, `${places[at]?.title ?? row.columns.resource} · ${stretch(places[at], row.columns.start, row.columns.end)}`)),
      h('p', { class: 'row' }, badge(row, digits(row.columns.booking), unsent)))))],
  ];
}

/** Whether an order came to nothing, and costs nothing. */
const isOff = ({ state, balance }) => ['cancelled', 'declined', 'expired'].includes(state) && units(balance) <= 0;

/** One order. */
export async function order({ parts: [id] }) {
  const key = `order/${id}`;
  const rows = app.link.rows();
  const [row] = table(rows, 'orders', key);
  if (!row) return [heading(t('order.of', { id: id.slice(0, 10) })), h('p', { class: 'soft' }, t('not.here'))];
  const { columns } = row;
  const events = about(app.link.history(), id);
  const offers = events.filter((event) => ['order.quote', 'order.revise', 'order.counter'].includes(event.kind) && ['sequenced', 'tentative'].includes(event.mark));
  // what came to nothing is not owed any more
  const payments = table(rows, 'payments', key).filter(({ columns: leg }) => !isOff(columns) || units(leg.claimed) || units(leg.paid));
  const fulfilments = table(rows, 'fulfilments', key);
  const currency = columns.currency;
  const request = events.find((event) => event.id === id);
  const agreed = digits(events.find((event) => event.id === digits(columns.agree))?.body?.quote);
  const standing = offers.find((offer) => offer.id === digits(columns.quote));
  const bought = table(rows, 'lines', key).map((line) => line.columns);
  again(columns);
  const accord = offers.find((offer) => offer.id === agreed)?.body;
  const done = fulfilments.length > 0 && fulfilments.every(({ columns: leg }) => DONE.includes(leg.state));
  return [
    heading(lines(rows, key) || t('order.of', { id: id.slice(0, 10) })),
    h('p', { class: 'row' }, badge(row, id, app.link.onTheWay()), turn(columns)),
    pairs([
      [t('order.total'), units(columns.total) ? amount(columns.total, currency) : null],
      [t('order.paid'), units(columns.paid) ? amount(columns.paid, currency) : null],
      [t('order.balance'), units(columns.balance) && units(columns.total) ? amount(columns.balance, currency) : null],
      [t('order.fee'), units(columns.fee_now) && !done ? amount(columns.fee_now, currency) : null],
      ...wishes(request, columns), [t('order.note'), columns.note], [t('order.reason'), columns.reason],
    ]),
    columns.state === 'declined' && h('p', { class: 'warn' }, t('order.declined'), ' ', h('a', { href: to('provider') }, t('catalog')), ' · ', h('a', { href: to('chat') }, t('chat'))),
    whole(request),
    offers.length > 0 && [h('h2', null, t('offers')), compared(offers, columns, agreed, bought)],
    payments.length > 0 && [h('h2', null, t('order.pay')), h('ul', null, payments.map(({ columns: leg }, index) => h('li', null,
      `${payments.length > 1 ? `${payment(leg.leg, index)}: ` : ''}${amount(leg.amount, currency)} – ${word(leg.state)}`, leg.due ? ` (${t('pay.when.date', { when: when(leg.due) })})` : '')))],
    fulfilments.length > 0 && [h('h2', null, t('order.fulfil')), h('ul', null, fulfilments.map(({ columns: leg }) => h('li', null, `${word(leg.kind)}: ${word(leg.state)}`, leg.done ? ` (${when(leg.done)})` : '')))],
    code(id, columns, fulfilments),
    h('h2', null, t('order.actions')), actions('order', id, { rows, key, currency, standing, bought, came: done && { accord, fulfilments } }),
    h('h2', null, t('order.history')), history(events),
  ];
}

/** Where to and when, as the customer asked for it: the address is in the part that can be erased. */
function wishes(request, columns) {
  const window = request?.body?.window;
  const written = request?.erasable?.address;
  const address = written ? [written, ' ', eraser(request.id)] : (request?.erased ? h('span', { class: 'soft' }, t('order.place.erased')) : null);
  return [
    [t('order.place'), address ?? columns.place],
    [t('order.when'), window && span(window.start, window.end)],
  ];
}

let waiting = null;
/** Looks again when the offer runs out. */
function again({ valid_until: until }) {
  clearTimeout(waiting);
  const left = until - Date.now();
  // longer than timers reach: it is looked at anew before that
  if (left > 0 && left < 2 ** 31) waiting = setTimeout(() => app.refresh(), left + 1000);
}

/** One booking. */
export async function booking({ parts: [id] }) {
  const key = `booking/${id}`;
  const rows = app.link.rows();
  const [row] = table(rows, 'bookings', key);
  if (!row) return [heading(t('bookings')), h('p', { class: 'soft' }, t('not.here'))];
  const { columns } = row;
  const resource = await known(columns);
  return [
    heading(`${resource?.title ?? columns.resource} · ${begins(resource, columns.start)}`),
    h('p', { class: 'row' }, badge(row, id, app.link.onTheWay())),
    pairs([[t('order.when'), stretch(resource, columns.start, columns.end)], [t('book.seats'), columns.seats], [t('order.note'), columns.note], [t('order.reason'), columns.reason]]),
    elsewhere(columns),
    h('h2', null, t('order.actions')), actions('booking', id, { rows, key }),
    h('h2', null, t('order.history')), history(about(app.link.history(), id)),
  ];
}

/** Whether an entry is about an order or booking, or its own. */
function names(id) {
  const is = (value) => value?.$hex === id || (Array.isArray(value) && value.some(is));
  return (event) => event.id === id || Object.values(event.body ?? {}).some(is);
}

const about = (audit, id) => (audit?.events ?? []).filter(names(id));

/** The code that is shown at the door, for orders that have one, until it was shown for all of it. */
function code(id, columns, fulfilments) {
  if (!['agreed', 'confirmed', 'in_progress'].includes(columns.state)) return null;
  if (fulfilments.length > 0 && fulfilments.every(({ columns: leg }) => leg.proved)) return h('p', { class: 'good' }, t('code.shown'));
  let shown;
  try { shown = app.link.code(id); } catch { return null; }
  return h('details', { class: 'card' }, h('summary', null, t('code')), h('p', null, t('code.text')),
    h('p', { class: 'code', translate: 'no' }, shown.match(/[^-]{1,4}/g).map((group) => [h('span', null, group), ' '])),
    picture(shown, t('code')));
}

/** A text as a QR code: dark on light with its margin, whatever the page looks like. */
function picture(text, label) {
  const made = (name, properties) => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [key, value] of Object.entries(properties)) element.setAttribute(key, value);
    return element;
  };
  const side = SIZE + 8;
  const dark = squares(text).flatMap((row, y) => row.map((is, x) => (is ? `M${x + 4} ${y + 4}h1v1h-1z` : ''))).join('');
  const svg = made('svg', { class: 'qr', viewBox: `0 0 ${side} ${side}`, role: 'img', 'aria-label': label, 'shape-rendering': 'crispEdges' });
  svg.append(made('rect', { width: side, height: side, fill: '#fff' }), made('path', { d: dark, fill: '#000' }));
  return svg;
}

const MARKS = { sequenced: ['●', 'good'], tentative: ['○', 'warn'], rejected: ['✗', 'bad'], void: ['–', 'soft'], held: ['?', 'warn'] };

/** The mark of an entry, with what it means for those who don't see it. */
export function mark(event) {
  const [sign, tone] = MARKS[event.mark] ?? MARKS.held;
  const means = t(`mark.${event.mark === 'tentative' && !app.link.isOnTheWay(event) ? 'there' : event.mark}`);
  return h('span', { class: `mark ${tone}`, role: 'img', 'aria-label': means, title: means }, sign);
}

/** What an entry says above all: how far it is, how much, why. */
function gist({ kind, body }) {
  const said = [kind === 'fulfil.state' && word(body?.state), body?.total ?? body?.amount, body?.reason].filter(Boolean);
  return said.map((one) => h('span', null, typeof one === 'object' ? amount(one) : one));
}

/** What happened, one entry after the other. */
function history(events) {
  return h('ol', { class: 'timeline' }, events.map((event) => h('li', { class: event.mark }, mark(event),
    h('div', null, h('div', { class: 'row' }, h('strong', { class: 'what' }, named(event)), gist(event), h('span', { class: 'soft' }, t(`by.${event.by}`)), h('time', { class: 'soft', datetime: event.time }, instant(event.time)),
      event.code && h('span', { class: 'badge bad' }, t('rejected.by', { code: refusal(event.code) })))))));
}

/** Why the rules refused an entry. */
export const refusal = (code) => (t(`rule.${code}`) === `rule.${code}` ? word(code) : t(`rule.${code}`));

/** What an entry did, in the reader's words where there are some. */
export const named = (event) => {
  const key = `did.${event.kind}`;
  const text = t(key);
  return text === key ? event.title || event.kind || '🔒' : text;
};

/** Types of fields that a person fills in. */
const WRITTEN = ['text', 'int', 'money', 'instant'];

/** What the customer may do now. */
function actions(subject, id, { rows, key, currency, standing, bought, came }) {
  const known = { [subject]: bytes(id) };
  const manifest = app.link.manifest();
  const list = h('div');
  const possible = (kind, body) => app.link.attempt(kind, body);
  const commands = (manifest?.events ?? []).filter((event) => event.command && event.fields[0]?.name === subject && event.fields[0].type === 'entry');
  const made = [];
  const kinds = new Set();
  let complete = null;
  for (const command of commands) {
    for (const one of filled(command, known, { rows, key, currency, standing })) {
      let verdict;
      try { verdict = possible(command.kind, one.body); } catch (error) { return problem(error); }
      if (verdict.verdict !== 'accepted') continue;
      // what is agreed to stands in front, with all that it says; what is not shown is not agreed to
      if (command.kind === 'order.agree') made.unshift(...(standing ? [agreement(one, standing, bought)] : []));
      else if (command.kind === 'order.complete' && came) complete = one;
      else made.push(action(command, one, currency));
      kinds.add(command.kind);
    }
  }
  if (complete) made.unshift(completion(complete, came, kinds));
  return put(list, made.length ? made : h('p', { class: 'soft' }, t('order.nothing')));
}

/** With what a command is tried: the amounts and legs of an order fill in what can be known. */
function filled(command, known, { rows, key, currency, standing }) {
  const body = { ...known };
  // what is signed is an answer to the offer that stands here, whatever has come since
  if (standing && ['order.agree', 'order.counter'].includes(command.kind)) body.quote = bytes(standing.id);
  if (command.kind === 'pay.claim') {
    if (isOff(table(rows, 'orders', key)[0].columns)) return [];
    const owed = table(rows, 'payments', key).map(({ columns }) => ({ leg: columns.leg, minor: units(columns.amount) - units(columns.claimed) })).map((one, index) => ({ ...one, name: payment(one.leg, index) }));
    return owed.filter(({ minor: left }) => left > 0).map(({ leg, minor: left, name }) => ({
      body: { ...body, leg, amount: { currency, minor: left } },
      label: t('do.pay.claim.of', { amount: amount(left, currency), leg: name }),
    }));
  }
  if (command.kind === 'return.request') {
    const bought = table(rows, 'lines', key).map(({ columns }) => ({ line: columns.line, quantity: columns.quantity }));
    return table(rows, 'fulfilments', key).map(({ columns }) => ({ body: { ...body, leg: columns.leg, lines: bought, outcome: 'refund' } }));
  }
  return [{ body }];
}

/** The offer that stands, and the button that agrees to it. */
function agreement({ body }, { body: offer }, bought) {
  const title = t('do.order.agree');
  const newer = h('div');
  return h('section', { class: 'card' }, h('h3', null, title),
    offer.total && h('p', { class: 'price' }, amount(offer.total)), offer.note && h('p', null, offer.note), conditions(offer, bought),
    form([], title, async () => {
      await app.link.write('order.agree', body).catch((error) => {
        // somebody writes elsewhere on this screen, so it shows what is old; they say when it may go
        if (error.rule === 'stale_quote') put(newer, h('p', null, h('button', { type: 'button', onclick: () => app.refresh(true) }, t('offer.newer'))));
        throw error;
      });
      say(t('done', { what: title }));
      return () => app.refresh(true);
    }), newer);
}

/** All has come: the button that says that it is right, what follows from saying nothing, and what else can be done. */
function completion({ body }, { accord, fulfilments }, kinds) {
  const title = t('do.order.complete');
  const at = Math.max(...fulfilments.map(({ columns }) => columns.done ?? NaN));
  const { silence_s: silence, return_s: back } = accord ?? {};
  const mayReturn = back && kinds.has('return.request');
  const after = (seconds) => (Number.isFinite(at) ? when(at + seconds * 1000) : lasting(seconds));
  return h('section', { class: 'card' }, h('h3', null, title), h('p', null, t('order.came')),
    h('p', null, silence ? t('order.silence', { when: after(silence) }) : t('order.silence.none')),
    h('p', null, kinds.has('dispute.open') ? t(mayReturn ? 'order.object.back' : 'order.object', { when: mayReturn && after(back) }) : t('order.object.none')),
    form([], title, async () => {
    await app.link.write('order.complete', body);
    say(t('done', { what: title }));
    return () => app.refresh(true);
  }));
}

/** A form for a command that may be done now. */
function action(command, { body, label }, currency) {
  const key = `do.${command.kind}`;
  const title = label ?? (t(key) === key ? command.title : t(key));
  const open = command.fields.filter(({ name, made }) => !(name in body) && !made && !name.includes('[]'))
    // what is for machines is asked of nobody
    .filter(({ type, required }) => required || WRITTEN.includes(type));
  const controls = open.map((of) => ({ of, element: control(of) }));
  const outcome = command.kind === 'return.request' && h('select', null, ['refund', 'replace', 'refund_only'].map((value) => h('option', { value }, word(value))));
  return h('details', { class: 'card' }, h('summary', null, title), typed(`${command.kind}/${label ?? ''}/${digits(body.order ?? body.booking)}`, form([
    outcome && field(t('return.outcome'), outcome),
    controls.map(({ of, element }) => field(labelled(command.kind, of.name), element, of.type === 'money' ? currency : null)),
  ], title, async () => {
    const event = { ...body };
    if (outcome) event.outcome = outcome.value;
    for (const { of, element } of controls) {
      const text = element.value.trim();
      if (!text) continue;
      if (of.type === 'money') event[of.name] = { currency, minor: minor(text, currency) };
      else if (of.type === 'int') event[of.name] = Number(text);
      else if (of.type === 'instant') event[of.name] = new Date(text).getTime();
      else event[of.name] = text;
    }
    await app.link.write(command.kind, event);
    say(t('done', { what: title }));
    return () => app.refresh(true);
  })));
}

/** What a field is called: for this command, for all, or by its name. */
function labelled(kind, name) {
  const key = [`field.${kind}.${name}`, `field.${name}`].find((key) => t(key) !== key);
  return key ? t(key) : word(name);
}

function control({ name, type, required }) {
  if (name === 'method') return h('input', { maxlength: '60', required });
  if (type === 'int') return h('input', { type: 'number', step: '1', required });
  if (type === 'money') return h('input', { inputmode: 'decimal', autocomplete: 'off', required });
  if (type === 'instant') return h('input', { type: 'datetime-local', required });
  return h('textarea', { maxlength: '1000', required });
}
