// The provider: who it is, when it is there, what it offers. Items come a page at a time.

import { h, put } from './elements.js';
import { t, word } from './words.js';
import { amount, digits, instant, units } from './format.js';
import { app, heading, say, to } from './app.js';
import { bytes, field, form } from './form.js';
import { terms } from './offer.js';

const PAGE = 30;
/** Pages of a kept list in which an item is looked for. */
const PAGES = 100;
/** Milliseconds of a time that is wished for without an end. */
const HOUR = 3600000;

export function price({ price_kind: kind, min, max, currency, per_unit: unit }) {
  if (kind === 'quote') return t('price.quote');
  const low = amount(min, currency);
  const high = max && amount(max, currency) !== low ? ` – ${amount(max, currency)}` : '';
  return `${low}${high}${unit ? ` / ${unit}` : ''}`;
}

/** What so many cost by the list, with what was chosen; null where there is no price. */
function sum(columns, quantity, extra) {
  if (columns.price_kind === 'quote' || columns.min === null || columns.min === undefined) return null;
  const each = (value) => units(value) + extra;
  const of = (value) => amount(each(value) * quantity, columns.currency);
  const [low, high] = [columns.min, columns.max ?? columns.min];
  const range = (show) => (units(high) !== units(low) ? `${show(low)} – ${show(high)}` : show(low));
  return t('order.sum', { n: quantity, price: range((value) => amount(each(value), columns.currency)), sum: range(of) });
}

/** What a field of a date and time shows for an instant, by the reader's clock. */
const clock = (at) => new Date(at - new Date(at).getTimezoneOffset() * 60000).toISOString().slice(0, 16);

const hour = (seconds) => `${String(Math.floor(seconds / 3600) % 24).padStart(2, '0')}:${String(Math.floor(seconds / 60) % 60).padStart(2, '0')}`;
const day = (number) => new Intl.DateTimeFormat(document.documentElement.lang, { weekday: 'short', timeZone: 'UTC' }).format(new Date((4 + number) * 86400000));

/** The page of a provider: about it, then its catalog. */
export async function provider({ parts: [wanted = ''] }) {
  const space = app.space;
  if (!space) return [heading(app.here?.name ?? 'synlog'), h('p', null, t('no.space'))];
  const [about, places, resources] = await Promise.all([
    app.cached('space', () => app.door.rows(space, 'space')),
    app.cached('places', () => app.door.rows(space, 'places', { limit: 20 })),
    app.cached('resources', () => app.door.rows(space, 'resources', { limit: 20 })),
  ]);
  const profile = about.rows[0]?.columns ?? {};
  const find = h('input', { type: 'search', autocomplete: 'off', enterkeyhint: 'search' });
  find.value = find.defaultValue = wanted;
  const { list, more } = await items(space, wanted);
  return [
    h('div', { class: 'hero' }, heading(profile.name ?? app.here?.name ?? ''),
      profile.about && h('p', null, profile.about),
      profile.category && h('p', { class: 'soft' }, profile.category),
      h('details', null, h('summary', null, t('about.more')),
        places.rows.map(({ columns }) => h('p', null, [columns.name, columns.address, columns.opening_hours, columns.phone, columns.website].filter(Boolean).join(' · '))),
        resources.rows.map(({ columns }) => h('p', null, `${columns.title}: `,
          (columns.rules ?? []).map((rule) => `${rule.days.map(day).join(' ')} ${hour(rule.from_s)}–${hour(rule.to_s)}`).join(', '))),
        profile.payment_types?.length ? h('p', null, t('about.pay'), ' ', profile.payment_types.join(', ')) : null,
        profile.cancellation_terms?.length ? [h('p', null, t('about.terms')), h('ul', null, terms(profile.cancellation_terms, profile.currency))] : null)),
    resources.rows.length > 0 && h('p', null, h('a', { class: 'button', href: to('book') }, t('book'))),
    h('h2', null, t('catalog')),
    h('form', { role: 'search', onsubmit: (event) => { event.preventDefault(); const text = find.value; find.value = find.defaultValue; location.hash = text ? to('provider', text) : to('provider'); } },
      field(t('search'), find)),
    list.children.length ? list : h('p', { class: 'soft' }, t(wanted ? 'search.none' : 'none')), more,
  ];
}

/** Items a page at a time; with words, those in which all of them stand: the provider looks through a part of its catalog at a time. */
async function items(space, wanted) {
  const list = h('ul', { class: 'cards' });
  const more = h('button', { type: 'button' }, t('more'));
  const words = wanted.trim() || undefined;
  let after;
  const load = async () => {
    do {
      const page = await app.cached(`items ${words ?? ''} ${after ?? ''}`, () => app.door.rows(space, 'items', { index: 'by_state', equal: ['active'], words, limit: PAGE, after }));
      list.append(...page.rows.map(card));
      after = page.next ?? undefined;
      if (page.rows.length) break;
    } while (after);
    more.hidden = !after;
  };
  await load();
  more.addEventListener('click', () => load().catch((error) => say(error.message)));
  return { list, more };
}

function picture(columns, lazy) {
  const image = (columns.images ?? [])[0];
  return image && h('img', { src: app.door.image(digits(image.blob)), alt: columns.title ?? '', loading: lazy ? 'lazy' : null, width: '320', height: '240' });
}

function card({ columns }) {
  return h('li', { class: 'card' }, picture(columns, true),
    h('h3', null, h('a', { href: to('item', columns.item) }, columns.title ?? columns.item)),
    h('p', { class: 'row' }, h('span', { class: 'price' }, price(columns)),
      columns.stock !== null && columns.stock !== undefined && h('span', { class: 'soft' }, t('stock.left', { n: columns.stock }))));
}

/** The row of an item; away from the provider the one in the list that was kept. */
async function one(slug) {
  try {
    return (await app.cached(`item ${slug}`, () => app.door.row(app.space, 'items', `item/${slug}`))).rows[0];
  } catch (error) {
    if (error.status !== 0) throw error;
    for (let page = 0, after; page < PAGES; page += 1) {
      const kept = await app.storage.get(`cache/${app.space}/items  ${after ?? ''}`);
      const found = kept?.rows.find(({ columns }) => columns.item === slug);
      if (found) return found;
      after = kept?.next;
      if (!after) break;
    }
    throw error;
  }
}

/** One item, and the form by which it is ordered. */
export async function item({ parts: [slug] }) {
  const { columns } = await one(slug);
  const quantity = h('input', { type: 'number', min: '1', max: '1000000', step: '1', value: '1', inputmode: 'numeric', required: true });
  const place = h('input', { autocomplete: 'street-address', maxlength: '400' });
  const from = h('input', { type: 'datetime-local', min: clock(Date.now()) });
  const until = h('input', { type: 'datetime-local', min: clock(Date.now()) });
  from.addEventListener('change', () => { until.min = from.value || from.min; });
  const note = h('textarea', { maxlength: '1000' });
  const name = h('input', { required: true, maxlength: '60', autocomplete: 'name' });
  const counted = columns.stock !== null && columns.stock !== undefined;
  const short = () => counted && Number(quantity.value) > columns.stock && h('p', { class: 'warn' }, t('order.short', { n: columns.stock }));
  const warned = h('div', { 'aria-live': 'polite' });
  quantity.addEventListener('input', () => put(warned, short()));
  const chosen = (columns.options ?? []).map((option) => options(option, columns.currency));
  const makes = () => {
    const line = {
      space: bytes(app.space), item: columns.item, revision: columns.revision, title: columns.title, quantity: Number(quantity.value),
    };
    const picked = chosen.flatMap((one) => one.picked());
    if (picked.length) line.options = picked;
    const body = { lines: [line] };
    if (from.value || until.value) {
      const start = from.value ? new Date(from.value).getTime() : Date.now();
      const end = until.value ? new Date(until.value).getTime() : start + HOUR;
      if (!(end > start)) throw new Error(t('wrong.window'));
      if (end < Date.now()) throw new Error(t('wrong.past'));
      body.window = { start, end };
    }
    if (note.value.trim()) body.note = note.value.trim();
    return body;
  };
  const asking = form([
    chosen.map((one) => one.element),
    field(t('order.quantity'), quantity), warned,
    h('details', null, h('summary', null, t('order.more')),
      field(t('order.place'), place, t('order.place.hint')), field(t('order.from'), from), field(t('order.until'), until), field(t('order.note'), note)),
    !app.link.me && field(t('your.name'), name, t('your.name.hint')),
  ], t('order.review'), async () => {
    const body = makes();
    const erasable = place.value.trim() ? { address: place.value.trim() } : undefined;
    const cost = sum(columns, Number(quantity.value), chosen.reduce((all, one) => all + one.extra(), 0));
    const confirmed = await app.confirm(t('order.confirm.title'), [
      h('p', null, `${Number(quantity.value)} × ${columns.title ?? columns.item}`),
      body.lines[0].options && h('p', null, body.lines[0].options.join(', ')),
      h('p', null, cost ? `${t('order.price')} ${cost}` : t('price.quote')),
      short(),
      body.window && h('p', null, `${instant(body.window.start)} – ${instant(body.window.end)}`),
      erasable && h('p', null, erasable.address), body.note && h('p', null, body.note),
      h('p', { class: 'soft' }, t('order.confirm.text')),
    ], t('order.send'));
    if (!confirmed) return false;
    if (!app.link.me) await app.link.begin(name.value.trim());
    await app.link.write('order.request', body, { erasable, space: app.space });
    say(t('order.sent'));
    location.hash = to('orders');
    return true;
  });
  return [
    heading(columns.title ?? slug), picture(columns),
    h('p', { class: 'row' }, h('span', { class: 'price' }, price(columns)),
      counted && h('span', { class: 'soft' }, t('stock.left', { n: columns.stock }))),
    columns.description && h('p', null, columns.description),
    columns.cancellation_terms?.length ? h('details', null, h('summary', null, t('about.terms')), h('ul', null, terms(columns.cancellation_terms, columns.currency))) : null,
    columns.state === 'active' ? [h('h2', null, t('order.ask')), asking] : h('p', { class: 'warn' }, word(columns.state)),
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
    element: h('fieldset', null, h('legend', null, name, min > 0 && ` (${t('option.min', { n: min })})`), boxes.map(({ element }) => element)),
    /** By how much what was chosen is dearer. */
    extra: () => boxes.filter(({ box }) => box.checked).reduce((all, { choice }) => all + (choice.add_minor ?? 0), 0),
    picked() {
      const picked = boxes.filter(({ box }) => box.checked).map(({ choice }) => `${name}: ${choice.name}`);
      if (picked.length < min || picked.length > max) throw new Error(t('wrong.option', { name, min, max }));
      return picked;
    },
  };
}
