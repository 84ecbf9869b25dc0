// The editor of offers: parts of the price, payment and fulfilment, with sums that must be
// right before anything is sent; and the confirm, for which stock is taken first.

import { h, put } from './elements.js';
import { t, word } from './words.js';
import { api, say } from './app.js';
import { field, form, kept, preset, touched, written, wrong } from './forms.js';
import { decimalMark, digits, example, lasting, minorOf, money, typed, units } from './format.js';
import { fromField, here, toField, DAY } from './zones.js';

const options = (names, chosen) => names.map((name) => h('option', { value: name, selected: name === chosen }, word(name)));

/** Ways of items, and what an order that is done so is called. */
const KINDS = { delivery: 'goods', pickup: 'pickup', visit: 'visit', digital: 'digital' };
/** Who writes so wants to fetch it: "I'll pick it up", "ich hole es ab", "collect". */
const FETCHES = /pick(ing|s)?[ -]?(\S+ )?up|collect|abhol|hol(e|en|t)?\b.*\bab\b/i;

/**
 * How an order is done unless its provider says otherwise, and why: as its client wishes,
 * else as its items are offered first, to be picked up where that is among it.
 */
export function wayOf({ address, place, note }, offered) {
  const known = offered.filter((ways) => ways?.length);
  const common = (known[0] ?? []).filter((way) => known.every((ways) => ways.includes(way)));
  const has = (way) => common.includes(way);
  if (FETCHES.test(note ?? '')) return ['pickup', 'quote.done.fetch'];
  if (address || place) return [has('visit') && !has('delivery') ? 'visit' : 'goods', 'quote.done.address'];
  return [!common.length || has('pickup') ? 'pickup' : KINDS[common[0]] ?? 'pickup', 'quote.done.nothing'];
}

const DAY_S = 86400;
/** Days in which a client may object, unless somebody says otherwise. */
const SILENCE = 3;
const daysOf = (seconds) => (typeof seconds === 'number' ? String(Number((seconds / DAY_S).toFixed(4))) : '');

/** A table of rows that come and go; `write` builds it anew of what `read` gave. */
function rowsOf(title, make, first) {
  const body = h('div', { 'data-rows': true });
  const add = (value) => {
    const fields = make(value);
    const row = h('fieldset', { class: 'line' }, h('legend', null, title), ...fields.shown,
      h('button', { type: 'button', onclick: () => { row.remove(); touched(body); } }, t('remove')));
    row.read = fields.read;
    row.text = fields.text;
    body.append(row);
  };
  first.forEach(add);
  const more = () => {
    add(null);
    touched(body);
    body.querySelector('fieldset:last-child input')?.focus();
  };
  const all = (name) => [...body.children].map((row) => row[name]());
  return {
    element: h('div', null, body, h('p', null, h('button', { type: 'button', onclick: more }, t('quote.add', { what: title })))),
    read: () => all('read'),
    /** What is typed, right or wrong. */
    text: () => all('text'),
    write: (texts) => { body.replaceChildren(); texts.forEach((text) => add({ text })); },
  };
}

/** The price of an item as its space shows it now. */
async function priceOf(line) {
  const space = digits(line.columns.space);
  try {
    const { rows: [row] } = await api.get(`/topics/${space}/rows/items/${encodeURIComponent(`item/${line.columns.item}`)}`);
    return { minor: row.columns.min === null ? null : units(row.columns.min), currency: row.columns.currency, stock: row.columns.stock, ways: row.columns.fulfilment, terms: row.columns.cancellation_terms, back: row.columns.return_terms };
  } catch {
    return { minor: null, currency: null, stock: null };
  }
}

/** The form for an offer, or for other terms of an order that was agreed; `request` is the entry that asked for it. */
export async function quoteForm(topic, row, lines, before, kind = 'order.quote', request = null) {
  const { columns } = row;
  const prices = await Promise.all(lines.map(priceOf));
  const currency = before?.total?.currency ?? columns.currency ?? prices.find((it) => it.currency)?.currency ?? 'EUR';
  const amountField = (minor, label) => preset(h('input', { inputmode: 'decimal', required: true, 'aria-label': label, autocomplete: 'off' }), typed(minor, currency, decimalMark()));
  const read = (input) => minorOf(input.value, currency);
  const offered = before?.breakup ?? lines.map((line, at) => ({
    title: `${line.columns.quantity} × ${line.columns.title ?? line.columns.item}`,
    amount: { minor: prices[at].minor === null ? undefined : prices[at].minor * line.columns.quantity, currency },
  }));
  // what was typed before, in the order of the fields
  const fill = (fields, texts) => fields.forEach((field, at) => { if (typeof texts?.[at] === 'string') field.value = texts[at]; });
  const textOf = (fields) => () => fields.map((field) => field.value);
  const parts = rowsOf(t('quote.part'), (part) => {
    const title = preset(h('input', { required: true, maxlength: '120', 'aria-label': t('item.title') }), part?.title);
    const minor = amountField(part?.amount?.minor, t('quote.amount', { currency }));
    fill([title, minor], part?.text);
    return { shown: [title, minor], text: textOf([title, minor]), read: () => ({ title: title.value.trim(), minor: read(minor) }) };
  }, offered);
  const guess = offered.reduce((sum, part) => sum + (part.amount.minor ?? 0), 0);
  const legs = rowsOf(t('quote.leg'), (leg) => {
    const name = preset(h('input', { class: 'part', required: true, pattern: '[a-z0-9][a-z0-9._\\-]*', 'aria-label': t('money.leg') }), leg?.leg ?? '');
    const minor = amountField(leg?.amount?.minor, t('quote.amount', { currency }));
    const trigger = h('select', { 'aria-label': t('quote.trigger') }, options(['on_agree', 'before', 'on', 'after', 'date'], leg?.trigger ?? 'on'));
    const due = preset(h('input', { type: 'datetime-local', 'aria-label': t('money.until') }), leg?.due ? toField(leg.due, here()) : '');
    fill([name, minor, trigger, due], leg?.text);
    const escrow = leg?.escrow || leg?.text?.[4] === 'escrow';
    const shown = () => { due.hidden = trigger.value !== 'date'; };
    trigger.addEventListener('change', shown);
    shown();
    return { shown: [name, minor, trigger, due], text: () => [...textOf([name, minor, trigger, due])(), escrow ? 'escrow' : ''], read: () => ({ leg: name.value, minor: read(minor), trigger: trigger.value, due: trigger.value === 'date' ? fromField(due.value, here()) : null, escrow }) };
  }, before?.legs ?? [{ leg: 'all', amount: { minor: guess }, trigger: 'on' }]);
  const [way, why] = wayOf({ ...columns, address: request?.erasable?.address }, prices.map((it) => it.ways));
  const done = h('select', null, options(['goods', 'pickup', 'visit', 'digital'], before?.fulfilment?.[0]?.kind ?? way));
  const until = preset(h('input', { type: 'datetime-local', required: true, 'data-suggested': true, min: toField(Date.now(), here()) }), toField(Date.now() + 7 * DAY, here()));
  // whoever looks at a list or an invoice needs none of it
  const { cancelFields, termsOf } = await import('./cancelling.js');
  // a first offer begins with what the space says
  const begin = before ?? await termsOf(lines, prices);
  const back = preset(h('input', { type: 'number', min: '0', max: '3650', step: '1' }), begin.return_s ? String(Math.round(begin.return_s / 86400)) : '');
  const cancelling = cancelFields(begin.terms ?? [], done, currency);
  const silence = preset(h('input', { type: 'number', min: '0', max: '365', step: 'any' }), before ? daysOf(before.silence_s) : String(SILENCE));
  const silent = h('p', { class: 'hint' });
  const saySilence = () => {
    put(silent, silence.value === '' ? t('quote.silence.never') : t('quote.silence.says', { time: lasting(Math.round(Number(silence.value) * DAY_S)) }));
  };
  const counted = lines.map((line, at) => ({ line: at, item: line.columns.title ?? line.columns.item, stock: prices[at].stock })).filter((it) => it.stock !== null && it.stock !== undefined);
  const takes = counted.map((it) => ({ ...it, box: h('input', { type: 'checkbox', checked: before ? (before.takes ?? []).includes(it.line) : true }) }));
  const sums = h('p', { role: 'status', class: 'sums-line' });
  const total = (list) => (list.some(({ minor }) => minor === null) ? null : list.reduce((sum, { minor }) => sum + minor, 0));
  const check = () => {
    const [price, paid] = [total(parts.read()), total(legs.read())];
    const fits = price !== null && price >= 0 && price === paid;
    put(sums, t('quote.sums', { total: price === null ? '?' : money(price, currency), legs: paid === null ? '?' : money(paid, currency) }), ' ',
      h('strong', { class: fits ? 'good' : 'bad' }, t(fits ? 'quote.fits' : 'quote.differs')));
    saySilence();
    cancelling.show();
    return fits ? price : null;
  };
  const made = form([
    h('h3', null, t('quote.parts')), parts.element, h('h3', null, t('order.pay')), legs.element, sums,
    field(t('quote.done'), done, before ? null : t(why)), field(t('quote.until'), until), field(t('quote.silence'), silence), silent, field(t('quote.return'), back), cancelling.shown,
    takes.map(({ box, item, stock }) => h('p', null, h('label', null, box, ' ', t('quote.take', { item, n: stock })))),
  ], t(kind === 'order.quote' ? 'quote.send' : 'quote.revise'), async () => {
    // a price that nobody can read is no sum that differs
    const unread = [...made.querySelectorAll('[data-rows] input[inputmode=decimal]')].find((input) => read(input) === null);
    if (unread) throw wrong(unread, t('price.wrong', { example: example(currency) }));
    const minor = check();
    if (minor === null) throw new Error(t('quote.differs'));
    const all = legs.read();
    const body = {
      order: digits(columns.order), revision: (columns.revision ?? 0) + 1,
      breakup: parts.read().map((part) => ({ title: part.title, amount: { currency, minor: part.minor } })),
      total: { currency, minor },
      legs: all.filter((leg) => leg.minor > 0).map((leg) => ({ leg: leg.leg, amount: { currency, minor: leg.minor }, trigger: leg.trigger, ...(leg.due ? { due: leg.due } : {}), ...(leg.escrow ? { escrow: true } : {}) })),
      fulfilment: [{ leg: before?.fulfilment?.[0]?.leg ?? 'all', kind: done.value, lines: lines.map((line, at) => ({ line: at, quantity: line.columns.quantity })) }],
      takes: takes.filter(({ box }) => box.checked).map(({ line }) => line),
      valid_until: fromField(until.value, here()),
    };
    const fees = cancelling.read();
    if (fees.length) body.terms = fees;
    if (before?.arbiter) body.arbiter = before.arbiter;
    // what nobody touched stays to the second
    if (silence.value !== '') body.silence_s = silence.value === silence.defaultValue && before ? before.silence_s : Math.round(Number(silence.value) * DAY_S);
    if (back.value) body.return_s = Number(back.value) * 86400;
    written(await api.send(topic, kind, { body }));
  });
  for (const name of ['input', 'change', 'restored']) made.addEventListener(name, check);
  check();
  return kept(`quote:${digits(columns.order)}:${columns.revision ?? 0}:${kind}`, made, {
    read: () => ({ parts: parts.text(), legs: legs.text() }),
    write: (drafted) => { parts.write(drafted.parts); legs.write(drafted.legs); },
  });
}

/** What entries of an order show as taken: by line the entry of the take. */
const takesOf = (entries) => entries.filter((entry) => ['order.reserve', 'order.confirm'].includes(entry.kind) && entry.verdict === 'accepted' && !entry.rejected)
  .flatMap((entry) => entry.body?.takes ?? []).map(({ line, take }) => ({ line, take: digits(take) }));

/** What stands taken for an order in the space of a line, as the node knows it: by this device, from whichever page, and whether or not its answer was heard. */
async function standing(order, { space, item, quantity }) {
  const { body } = await api.send(digits(space), 'item.take', { body: { item, quantity }, for: order, dry_run: true });
  // nothing can be taken here, and was not
  if (!body) return [];
  const { rows } = await api.rows(digits(space), 'takes', { index: 'by_c', equal: [digits(body.c)], limit: 200 });
  return rows.map(({ key, columns }) => ({ take: key.split('/')[1], item: columns.item, quantity: columns.quantity, revision: digits(columns.revision), space: digits(space) }));
}

/** Gives back what stands taken for an order and is shown by none of its entries. Gives how much there was, and what still stands. */
async function giveBack(topic, key, order, lines) {
  // what was confirmed meanwhile keeps its stock
  const { entries } = await api.get(`/topics/${encodeURIComponent(topic)}/explain/${encodeURIComponent(key)}`);
  const shown = takesOf(entries).map(({ take }) => take);
  const spaces = new Map(lines.map(({ columns }) => [digits(columns.space), columns]));
  const all = (await Promise.all([...spaces.values()].map((of) => standing(order, of)))).flat();
  const loose = all.filter(({ take }) => !shown.includes(take));
  await free(loose);
  return { count: loose.length, left: all.filter((it) => !loose.includes(it)) };
}

async function free(takes) {
  for (const { space, item, take, quantity } of takes) await api.send(space, 'item.free', { body: { item, take, quantity } });
}

/** Gives back what was taken for an order that came to nothing: a page may have been closed in between. What it was confirmed with may be spoilt by now: who has it in the hand says so. */
export async function tidyUp(topic, row, lines, offer) {
  if (!offer?.takes?.length) return null;
  const { count, left } = await giveBack(topic, row.key, digits(row.columns.order), lines);
  if (count) say(t('quote.back'));
  if (!left.length) return null;
  const named = ({ item, quantity }) => `${quantity} × ${lines.find(({ columns }) => columns.item === item)?.columns.title ?? item}`;
  return h('section', { class: 'card', 'aria-label': t('stock.off') }, h('h3', null, t('stock.off')), h('p', null, t('stock.off.text', { what: left.map(named).join(', ') })),
    form([], t('stock.off.back'), async () => { await free(left); say(t('quote.back')); }));
}

/** Confirms what was agreed: takes the stock that the offer names, then shows the takes. What was taken and not shown yet is shown now. */
export function confirmOrder(topic, row, lines, offer) {
  const { columns } = row;
  const order = digits(columns.order);
  const path = `/topics/${encodeURIComponent(topic)}`;
  return form([h('p', { class: 'hint' }, t(offer.takes?.length ? 'quote.takes' : 'quote.notakes'))], t('quote.confirm'), async () => {
    try {
      const { entries } = await api.get(`${path}/explain/${encodeURIComponent(row.key)}`);
      const shown = takesOf(entries);
      const takes = [];
      for (const line of (offer.takes ?? []).filter((at) => !shown.some((it) => it.line === at))) {
        const { space, item, quantity, revision } = lines[line].columns;
        const used = [...shown, ...takes].map(({ take }) => take);
        const known = (await standing(order, lines[line].columns)).find((it) => it.item === item && it.quantity === quantity && it.revision === digits(revision) && !used.includes(it.take));
        takes.push({ line, take: known?.take ?? (await api.send(digits(space), 'item.take', { body: { item, quantity }, for: order })).id });
      }
      const body = { order, agree: digits(columns.agree), ...(takes.length ? { takes: takes.map(({ line, take }) => ({ line, take: { $hex: take } })) } : {}) };
      written(await api.send(topic, 'order.confirm', { body }));
    } catch (error) {
      // an answer that was lost says nothing of what came to pass: the stock stays taken, and is found by the next attempt
      const { rows: [now] } = await api.get(`${path}/rows/orders/${encodeURIComponent(row.key)}`).catch(() => ({ rows: [] }));
      const isDone = ['confirmed', 'in_progress', 'completed'].includes(now?.columns.state);
      if (isDone || error.status === 422) await giveBack(topic, row.key, order, lines).catch(() => {});
      if (!isDone) throw error;
      say(t('done.order.confirm'));
    }
  });
}
