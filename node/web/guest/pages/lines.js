// The lines of a basket: what comes in, what it costs, what has changed since. Pure.

import { CoreError } from './core.js';

/** Lines of one order: the app's rules take no more. */
export const LINES_MAX = 32;
/** How many of one item. */
export const QUANTITY_MAX = 1000000;

/** Why something can't be put in; its code has words. */
const wrong = (code) => new CoreError({ code, text: code });
/** A basket, where there may be none yet. */
export const empty = (basket) => basket ?? { lines: [], wish: {} };
const units = (value) => (value && typeof value === 'object' ? value.minor : value) ?? 0;

/** What of an item a customer has agreed to see in the basket: if it changes, it is asked again. */
export function offer({ title, price_kind: kind, min, max, currency, per_unit: unit, options, cancellation_terms: terms }) {
  return { title: title ?? null, price_kind: kind ?? null, min: min ?? null, max: max ?? null, currency: currency ?? null, per_unit: unit ?? null, options: options ?? [], cancellation_terms: terms ?? null };
}

/** The same text for what is the same, whatever the order of its names. */
const canonical = (value) => JSON.stringify(value, (_, it) => (it && typeof it === 'object' && !Array.isArray(it) ? Object.fromEntries(Object.entries(it).sort(([a], [b]) => (a < b ? -1 : 1))) : it));
const same = (a, b) => canonical(a) === canonical(b);

/** By how much what was chosen is dearer; null: some of it can't be chosen any more. */
export function extra(options, picks) {
  const found = picks.map(({ name, choice }) => options.find((it) => it.name === name)?.choices?.find((it) => it.name === choice));
  if (found.some((it) => !it)) return null;
  const enough = options.every(({ name, min = 0, max = 1 }) => {
    const many = picks.filter((it) => it.name === name).length;
    return many >= min && many <= max;
  });
  return enough ? found.reduce((all, { add_minor: more }) => all + (more ?? 0), 0) : null;
}

const hasPrice = ({ price_kind: kind, min }) => kind !== 'quote' && min !== null && min !== undefined;

/** A basket with more in it. The same item, chosen in the same way and with the same price, is one line. */
export function withLine(basket, columns, quantity, picks, now, id) {
  const { lines, wish } = empty(basket);
  const seen = offer(columns);
  const there = lines.find((it) => it.item === columns.item && same(it.picks, picks) && same(it.offer, seen));
  if (there) {
    const many = there.quantity + quantity;
    if (many > QUANTITY_MAX) throw wrong('basket_many');
    return { wish, lines: lines.map((it) => (it === there ? { ...it, quantity: many, revision: columns.revision, seen: now } : it)) };
  }
  if (lines.length >= LINES_MAX) throw wrong('basket_full');
  const other = lines.find((it) => hasPrice(it.offer));
  if (other && hasPrice(seen) && other.offer.currency !== seen.currency) throw wrong('basket_currency');
  return { wish, lines: [...lines, { id, item: columns.item, revision: columns.revision, quantity, picks, offer: seen, seen: now }] };
}

/** A basket with the lines of an order that did not go out; what was wished for then, if nothing is now. */
export function withLines(basket, lines, wish) {
  const made = lines.reduce((all, line) => {
    const there = all.find((it) => it.item === line.item && same(it.picks, line.picks) && same(it.offer, line.offer));
    if (!there) return [...all, line];
    return all.map((it) => (it === there ? { ...it, quantity: Math.min(it.quantity + line.quantity, QUANTITY_MAX) } : it));
  }, empty(basket).lines);
  if (made.length > LINES_MAX) throw wrong('basket_full');
  if (new Set(made.filter((it) => hasPrice(it.offer)).map((it) => it.offer.currency)).size > 1) throw wrong('basket_currency');
  const said = empty(basket).wish;
  return { lines: made, wish: Object.values(said).some(Boolean) ? said : wish ?? {} };
}

/**
 * How a line stands to its item now: `same`; `changed`, which has to be accepted; `choose`,
 * what was chosen is not offered so any more; `gone`, it can't be ordered. Without a word of
 * the provider (`undefined`) it is as it was.
 */
export function stands(line, columns) {
  if (columns === undefined) return 'same';
  if (!columns || columns.state !== 'active') return 'gone';
  const now = offer(columns);
  if (same(line.offer, now)) return 'same';
  return extra(now.options, line.picks) === null ? 'choose' : 'changed';
}

/** What lines cost by the list, from and to, and how many of them have no price there. */
export function total(lines) {
  const sum = { low: 0, high: 0, currency: null, open: 0 };
  for (const { offer: it, picks, quantity } of lines) {
    if (!hasPrice(it)) { sum.open += 1; continue; }
    const more = extra(it.options, picks) ?? 0;
    sum.currency = it.currency;
    sum.low += (units(it.min) + more) * quantity;
    sum.high += (units(it.max ?? it.min) + more) * quantity;
  }
  return sum;
}

/** Without what was sent. What another tab changed meanwhile was not sent: null. */
export function without(basket, sent) {
  const { lines } = empty(basket);
  if (!sent.length || !sent.every((line) => lines.some((it) => same(it, line)))) return null;
  const left = lines.filter(({ id }) => !sent.some((line) => line.id === id));
  return { lines: left, wish: left.length ? empty(basket).wish : {} };
}

/** Milliseconds for which what the provider offered is taken to stand. */
const LOOKED = 60000;

/** Whether a draft has to be looked at before it goes out; a clock may have been put back since. */
export function isToSee({ lines, looked }, now = Date.now()) {
  return Boolean(lines) && !(looked <= now && now - looked < LOOKED);
}
