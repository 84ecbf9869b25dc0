// One item: what it is, what of it is chosen, and the two ways to have it: ordered at once, or
// put into the basket with others.

import { h, put } from './elements.js';
import { t } from './words.js';
import { amount, units } from './format.js';
import * as clock from './clock.js';
import { app, heading, say, to } from './app.js';
import { nameOf } from './basket.js';
import { since } from './catalog.js';
import { withLine } from './lines.js';
import { bytes, field, form } from './form.js';
import { terms } from './offer.js';
import { picture, price, priced, seen } from './provider.js';
import { sent, typed } from './typed.js';

/** Pages of a kept list in which an item is looked for. */
const PAGES = 100;
/** Milliseconds of a time that is wished for without an end. */
const HOUR = 3600000;

/** What so many cost by the list, with what was chosen; null where there is no price. */
export function sum(columns, quantity, extra) {
  if (!priced(columns)) return null;
  const each = (value) => units(value) + extra;
  const of = (value) => amount(each(value) * quantity, columns.currency);
  const [low, high] = [columns.min, columns.max ?? columns.min];
  const range = (show) => (units(high) !== units(low) ? `${show(low)} – ${show(high)}` : show(low));
  return t('order.sum', { n: quantity, price: range((value) => amount(each(value), columns.currency)), sum: range(of) });
}

/** The row of an item, and since when it is kept; away from the provider the one in the list that was kept. */
export async function row(slug) {
  try {
    const { rows, kept } = await app.cached(`item ${slug}`, () => app.door.row(app.space, 'items', `item/${slug}`));
    return rows[0] && { ...rows[0], kept };
  } catch (error) {
    if (error.status !== 0) throw error;
    for (let page = 0, after; page < PAGES; page += 1) {
      const kept = await app.storage.get(`cache/${app.space}/items  ${after ?? ''}`);
      const found = kept?.rows.find(({ columns }) => columns.item === slug);
      if (found) return { ...found, kept: kept.kept };
      after = kept?.next;
      if (!after) break;
    }
    throw error;
  }
}

/** A line of an order, as the app takes it. */
export function line({ item, revision, title }, quantity, picks) {
  const made = { space: bytes(app.space), item, revision, title, quantity };
  if (picks.length) made.options = picks.map(({ name, choice }) => `${name}: ${choice}`);
  return made;
}

/** Where to, when, a note: fields, what they say now, and a word when one of them has changed. */
export function wishes(before = {}, changed = () => {}) {
  const set = (control, text) => { control.value = control.defaultValue = text ?? ''; return control; };
  const place = set(h('input', { autocomplete: 'street-address', maxlength: '400' }), before.place);
  const from = set(h('input', { type: 'datetime-local', min: clock.typed(Date.now()) }), before.from);
  const until = set(h('input', { type: 'datetime-local', min: clock.typed(Date.now()) }), before.until);
  const note = set(h('textarea', { maxlength: '1000' }), before.note);
  from.addEventListener('change', () => { until.min = from.value || from.min; });
  const typed = () => ({ place: place.value.trim(), from: from.value, until: until.value, note: note.value.trim() });
  for (const control of [place, from, until, note]) control.addEventListener('change', () => changed(typed()));
  return {
    element: h('details', { open: Object.values(before).some(Boolean) }, h('summary', null, t('order.more')),
      field(t('order.place'), place, t('order.place.hint')), field(t('order.from'), from, clock.told()), field(t('order.until'), until, clock.told()), field(t('order.note'), note)),
    /** What is typed. */
    said: typed,
    /** The parts of an order, and what of it can be erased. */
    read() {
      const said = typed();
      const body = {};
      if (said.from || said.until) {
        const start = said.from ? clock.meant(said.from) : Date.now();
        const end = said.until ? clock.meant(said.until) : start + HOUR;
        if (!(end > start)) throw new Error(t('wrong.window'));
        if (end < Date.now()) throw new Error(t('wrong.past'));
        body.window = { start, end };
      }
      if (said.note) body.note = said.note;
      return { body, erasable: said.place ? { address: said.place } : undefined };
    },
  };
}

/** What is sent besides its lines, for the last look at it. */
export const wished = ({ window, note }, erasable) => [
  window && h('p', null, clock.span(window.start, window.end)),
  erasable && h('p', null, erasable.address), note && h('p', null, note),
  h('p', { class: 'soft' }, t('order.confirm.text')),
];

/** One item, and the form by which it is ordered. */
export async function item({ parts: [slug] }) {
  const found = await row(slug).catch((error) => { if (error.status !== 404) throw error; });
  const columns = found?.columns;
  if (!columns) return [heading(t('catalog')), h('p', null, t('basket.gone'), ' ', h('a', { href: to('provider') }, t('catalog')))];
  const quantity = h('input', { type: 'number', min: '1', max: '1000000', step: '1', value: '1', inputmode: 'numeric', required: true });
  const more = wishes();
  const name = h('input', { required: true, maxlength: '60', autocomplete: 'name' });
  const counted = columns.stock !== null && columns.stock !== undefined;
  const short = () => counted && Number(quantity.value) > columns.stock && h('p', { class: 'warn' }, t('order.short', { n: columns.stock }));
  const warned = h('div', { 'aria-live': 'polite' });
  quantity.addEventListener('input', () => put(warned, short()));
  const chosen = (columns.options ?? []).map((option) => options(option, columns.currency));
  const picks = () => chosen.flatMap((one) => one.picked());
  const kept = h('div', { role: 'status' });
  const basket = h('button', { type: 'button' }, t('basket.put'));
  const asking = typed(`item/${slug}`, form([
    chosen.map((one) => one.element),
    field(t('order.quantity'), quantity), warned, more.element,
    !app.link?.me && field(t('your.name'), name, t('your.name.hint')),
  ], t('order.review'), async () => {
    const { body, erasable } = more.read();
    body.lines = [line(columns, Number(quantity.value), picks())];
    const { lines } = withLine(null, columns, Number(quantity.value), picks(), Date.now(), nameOf());
    // what is not as it is shown is not asked for; without a word of the provider that is seen to later
    const why = await since(lines);
    if (why) {
      put(kept, h('p', null, h('button', { type: 'button', onclick: () => app.refresh(true) }, t('item.again'))));
      throw new Error(t(`item.${why}`));
    }
    const looked = why === null ? Date.now() : 0;
    const cost = sum(columns, Number(quantity.value), chosen.reduce((all, one) => all + one.extra(), 0));
    const confirmed = await app.confirm(t('order.confirm.title'), [
      h('p', null, `${Number(quantity.value)} × ${columns.title ?? columns.item}`),
      body.lines[0].options && h('p', null, body.lines[0].options.join(', ')),
      h('p', null, cost ? `${t('order.price')} ${cost}` : t('price.quote')),
      short(), wished(body, erasable),
    ], t('order.send'));
    if (!confirmed) return false;
    if (!app.link.me) await app.link.begin(name.value.trim());
    await app.link.write('order.request', body, { erasable, space: app.space, lines, wish: more.said(), looked });
    say(t(looked ? 'order.sent' : 'order.kept'));
    location.hash = to('orders');
    return true;
  }, [basket]));
  basket.addEventListener('click', () => app.attempt(kept, async () => {
    if (!quantity.reportValidity()) return;
    const { add } = await import('./basket.js');
    await add(columns, Number(quantity.value), picks(), more.said());
    sent(`item/${slug}`);
    put(kept, h('p', { class: 'good' }, t('basket.has', { n: quantity.value, title: columns.title ?? columns.item }), ' ', h('a', { href: to('basket') }, t('basket.show'))));
  }));
  return [
    heading(columns.title ?? slug), picture(columns), seen(found.kept),
    h('p', { class: 'row' }, h('span', { class: 'price' }, price(columns)),
      counted && h('span', { class: 'soft' }, t('stock.left', { n: columns.stock }))),
    columns.description && h('p', null, columns.description),
    columns.cancellation_terms?.length ? h('details', null, h('summary', null, t('about.terms')), h('ul', null, terms(columns.cancellation_terms, columns.currency))) : null,
    columns.state === 'active' ? [h('h2', null, t('order.ask')), asking, kept] : h('p', { class: 'warn' }, t(columns.state === 'paused' ? 'item.paused' : 'basket.gone'), ' ', h('a', { href: to('provider') }, t('catalog'))),
  ];
}

/** The choices of one option of an item. */
function options({ name, min = 0, max = 1, choices = [] }, currency) {
  const several = max > 1;
  const group = `option-${Math.random()}`;
  const boxes = choices.map((choice) => {
    const box = h('input', { type: several ? 'checkbox' : 'radio', name: group, value: choice.name });
    const label = choice.add_minor ? `${choice.name} (+ ${amount(choice.add_minor, currency)})` : choice.name;
    return { box, element: h('label', { class: 'choice' }, box, label), choice };
  });
  return {
    element: h('fieldset', null, h('legend', null, name, min > 0 && ` (${t(max === 1 ? 'option.one' : 'option.min', { n: min })})`), boxes.map(({ element }) => element)),
    /** By how much what was chosen is dearer. */
    extra: () => boxes.filter(({ box }) => box.checked).reduce((all, { choice }) => all + (choice.add_minor ?? 0), 0),
    picked() {
      const picked = boxes.filter(({ box }) => box.checked).map(({ choice }) => ({ name, choice: choice.name }));
      if (picked.length < min || picked.length > max) throw new Error(t('wrong.option', { name, min, max }));
      return picked;
    },
  };
}
