// What a space offers: items with pictures; the owner adds, changes and pauses them.

import { h } from './elements.js';
import { t, word } from './words.js';
import { api, heading, problem, refresh, say, to } from './app.js';
import { field, form, kept, written } from './forms.js';
import { amount, digits, minorOf, typed } from './format.js';
import { pages } from './lists.js';

const PAGE = 60;

/** The spaces, or the items of one. */
export async function catalog({ topics, me, parts: [chosen, prefix = ''] }) {
  const spaces = topics.filter((topic) => topic.app === 'space');
  const own = spaces.filter((topic) => topic.sequencer === me.device);
  const topic = chosen ? spaces.find((space) => space.topic === chosen) : own[0] ?? spaces[0];
  if (!topic) return [heading(t('catalog')), h('p', null, t('catalog.none')), h('p', null, h('a', { href: to('begin') }, t('begin')))];
  const isOwner = own.includes(topic);
  const [about] = (await api.rows(topic.topic, 'space')).rows;
  const currency = about?.columns.currency ?? 'EUR';
  const list = await pages((after) => api.rows(topic.topic, 'items', { prefix: `item/${prefix}`, limit: PAGE, after }),
    (row) => item(topic.topic, row, isOwner, currency), { kind: 'cards' });
  const find = h('input', { type: 'search', name: 'find' });
  find.value = prefix;
  find.defaultValue = prefix;
  return [
    heading(about?.columns.name ?? topic.name),
    about?.columns.about && h('p', null, about.columns.about),
    spaces.length > 1 && h('nav', { 'aria-label': t('catalog') }, h('ul', null, spaces.map((space) => h('li', null,
      h('a', { href: to('catalog', space.topic), 'aria-current': space === topic ? 'true' : null }, space.name))))),
    h('form', { role: 'search', onsubmit: (event) => { event.preventDefault(); const wanted = find.value; find.value = find.defaultValue; location.hash = to('catalog', topic.topic, wanted); } },
      field(t('catalog.search'), find)),
    isOwner && h('details', { class: 'card' }, h('summary', null, t('catalog.add')), editor(topic.topic, null, currency)),
    isOwner && h('p', null, h('a', { href: to('import', topic.topic) }, t('import.file'))),
    list,
  ];
}

function price({ price_kind: kind, min, max, currency, per_unit: unit }) {
  if (kind === 'quote') return t('price.quote');
  const low = amount(min, currency);
  const high = max && amount(max, currency) !== low ? ` – ${amount(max, currency)}` : '';
  return `${low}${high}${unit ? ` / ${unit}` : ''}`;
}

function item(topic, row, isOwner, currency) {
  const { columns } = row;
  const image = (columns.images ?? [])[0];
  const move = (state, key) => h('button', {
    type: 'button',
    onclick: async ({ target }) => {
      target.disabled = true;
      try {
        written(await api.send(topic, 'item.state', { body: { item: columns.item, state } }));
        refresh();
      } catch (error) {
        target.after(problem(error));
      }
    },
  }, t(key));
  return h('li', { class: 'card' },
    image && h('img', { src: api.blobUrl(digits(image.blob)), alt: columns.title ?? '', loading: 'lazy', width: '320', height: '240' }),
    h('h2', { class: 'name' }, columns.title ?? columns.item),
    h('p', { class: 'row' }, h('span', null, price(columns)),
      columns.stock !== null && columns.stock !== undefined && h('span', { class: 'soft' }, t('stock.left', { n: columns.stock })),
      columns.state !== 'active' && h('span', { class: 'badge' }, word(columns.state)),
      row.tentative && h('span', { class: 'badge warn' }, t('tentative'))),
    columns.description && h('p', { class: 'soft' }, columns.description),
    isOwner && columns.state !== 'retired' && [
      h('p', { class: 'row' }, columns.state === 'active' ? move('paused', 'catalog.pause') : move('active', 'catalog.resume')),
      h('details', null, h('summary', null, t('catalog.edit')), editor(topic, columns, currency)),
      columns.stock !== null && columns.stock !== undefined && h('details', null, h('summary', null, t('stock.count')), count(topic, columns)),
    ]);
}

/** How many there are now: what came or went is what is written. */
function count(topic, { item: slug, stock }) {
  const now = h('input', { type: 'number', min: '0', step: '1', required: true });
  now.defaultValue = now.value = stock;
  return form([field(t('item.stock'), now)], t('save'), async () => {
    const delta = Number(now.value) - stock;
    if (delta) written(await api.send(topic, 'item.stock', { body: { item: slug, delta } }));
  });
}

/** "12.50" as minor units of a currency. */
function minor(text, currency) {
  const units = minorOf(text, currency);
  if (units === null || units < 0) throw new Error(`${t('item.price')}: ${text}`);
  return units;
}

/** A new item, or a new revision of one; what the form does not show stays as it was. */
export function editor(topic, before, currency) {
  const slug = h('input', { required: true, pattern: '[a-z0-9._\\-]+', autocomplete: 'off' });
  const preset = (element, value) => { element.defaultValue = element.value = value ?? ''; return element; };
  const title = preset(h('input', { required: true, maxlength: '200' }), before?.title);
  const description = preset(h('textarea', { maxlength: '2000' }), before?.description);
  const low = before?.min?.minor ?? before?.min;
  const cost = preset(h('input', { inputmode: 'decimal', required: !before }), typed(low, before?.currency ?? currency));
  const stock = h('input', { type: 'number', min: '0', step: '1' });
  const images = h('input', { type: 'file', multiple: true, accept: 'image/jpeg,image/png,image/webp,image/avif' });
  return kept(`item:${topic}:${before?.item ?? ''}`, form([
    !before && field(t('item.slug'), slug), field(t('item.title'), title), field(t('item.description'), description),
    field(t('item.price'), cost), !before && field(t('item.stock'), stock),
    field(t('item.images'), images, before?.images?.length ? t('item.keep') : null),
  ], t('save'), async () => {
    const body = { item: before?.item ?? slug.value, title: title.value, schema: before?.schema ?? 'goods/1' };
    for (const name of ['place', 'options', 'attributes', 'cancellation_terms', 'return_terms', 'fulfilment', 'payment']) {
      const value = before?.[name];
      if (value && (typeof value !== 'object' || Object.keys(value).length)) body[name] = value;
    }
    if (description.value) body.description = description.value;
    const kind = before?.price_kind ?? 'fixed';
    body.price = { kind };
    if (kind !== 'quote') {
      body.price.currency = before?.currency ?? currency;
      body.price.min = minor(cost.value, body.price.currency);
      if (kind === 'range') body.price.max = Math.max(before.max?.minor ?? before.max ?? 0, body.price.min);
    }
    if (before?.per_unit) body.price.per_unit = before.per_unit;
    if (!before && stock.value) body.stock = Number(stock.value);
    const stored = [];
    for (const file of images.files) stored.push((await api.upload(file, topic)).reference);
    body.images = stored.length ? stored : before?.images ?? [];
    if (!body.images.length) delete body.images;
    written(await api.send(topic, 'item.put', { body }));
    say(t('done', { what: title.value }));
  }));
}
