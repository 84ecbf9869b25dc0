// The form of an item of a space: a new one, another revision of one, or a copy.

import { fresh, h } from './elements.js';
import { t, word } from './words.js';
import { api } from './app.js';
import { asDrawn, field, form, kept, preset, written, wrong } from './forms.js';
import { decimalMark, example, minorOf, typed, units } from './format.js';
import { isThere, slugOf } from './slugs.js';

/** Ways in which an item reaches the client. */
const WAYS = ['pickup', 'delivery', 'visit', 'digital'];
const PRICES = ['fixed', 'range', 'hourly', 'quote'];
/** Prices that goods can have. */
const OF_GOODS = ['fixed', 'range'];
const SCHEMAS = ['goods/1', 'service/1'];
/** What the form does not show stays as it was. */
const UNSEEN = ['place', 'options', 'attributes', 'cancellation_terms', 'return_terms', 'payment'];

const options = (all, chosen) => all.map((value) => h('option', { value, selected: value === chosen }, word(value)));

/** "12.50" as minor units of a currency. */
function minor(control, currency) {
  const units = minorOf(control.value, currency);
  if (units === null || units < 0) throw wrong(control, t('price.wrong', { example: example(currency) }));
  return units;
}

/** Kind of item: one of a few, or a tag of OpenStreetMap. */
function schemaField(chosen) {
  const isOsm = chosen.startsWith('osm/');
  const pick = h('select', null, options(SCHEMAS, chosen), h('option', { value: 'osm', selected: isOsm }, t('item.osm')));
  const tag = preset(h('input', { autocomplete: 'off', pattern: '[a-z0-9_:\\-]+=.+' }), isOsm ? chosen.slice(4) : '');
  const box = field(t('item.osm.tag'), tag, 'amenity=restaurant, craft=plumber');
  const shown = () => {
    box.hidden = pick.value !== 'osm';
    tag.required = !box.hidden;
  };
  shown();
  return { pick, box, shown, value: () => (pick.value === 'osm' ? `osm/${tag.value.trim()}` : pick.value) };
}

/** What it costs: the kind says which amounts there are. */
function priceFields(before, currency, schema) {
  const isGoods = () => schema.pick.value === 'goods/1';
  const kind = h('select', null, options(PRICES, before?.price_kind ?? 'fixed'));
  const shownMinor = (value) => typed(value === null || value === undefined ? value : units(value), currency, decimalMark());
  const low = preset(h('input', { inputmode: 'decimal' }), shownMinor(before?.min));
  const high = preset(h('input', { inputmode: 'decimal' }), before?.price_kind === 'range' ? shownMinor(before?.max) : '');
  const units_ = h('datalist', { id: fresh('units') }, ['unit.piece', 'unit.kg', 'unit.l', 'unit.m', 'unit.h', 'unit.day'].map((key) => h('option', { value: t(key) })));
  const unit = preset(h('input', { autocomplete: 'off', maxlength: '40', list: units_.id }), before?.per_unit);
  const lowBox = field(t('item.price'), low);
  const highBox = field(t('item.price.max'), high);
  const shown = () => {
    for (const option of kind.options) option.disabled = isGoods() && !OF_GOODS.includes(option.value);
    if (kind.selectedOptions[0]?.disabled) kind.value = 'fixed';
    lowBox.hidden = kind.value === 'quote';
    highBox.hidden = kind.value !== 'range';
    low.required = !lowBox.hidden;
    high.required = !highBox.hidden;
  };
  const read = () => {
    const price = { kind: kind.value };
    if (unit.value.trim()) price.per_unit = unit.value.trim();
    if (price.kind === 'quote') return price;
    price.currency = currency;
    price.min = minor(low, currency);
    if (price.kind === 'range') {
      price.max = minor(high, currency);
      if (price.max < price.min) throw wrong(high, t('item.price.order'));
    }
    return price;
  };
  return { kind, shown, read, amounts: [lowBox, highBox], more: [field(t('item.unit'), unit, t('item.unit.how')), units_] };
}

/** A new item, or a new revision of one; `model` is what a new one begins with. */
export function editor(topic, before, currency, model = null) {
  const from = before ?? model;
  const of = from?.currency ?? currency;
  const title = preset(h('input', { required: true, maxlength: '200' }), model ? t('item.copied', { title: model.title ?? model.item }) : from?.title);
  const slug = preset(h('input', { required: true, pattern: '[a-z0-9._\\-]+', autocomplete: 'off' }), model ? `${model.item}-2` : '');
  const description = preset(h('textarea', { maxlength: '2000' }), from?.description);
  const schema = schemaField(from?.schema ?? 'goods/1');
  const price = priceFields(from, of, schema);
  const stock = h('input', { type: 'number', min: '0', step: '1' });
  const images = h('input', { type: 'file', multiple: true, accept: 'image/jpeg,image/png,image/webp,image/avif' });
  const ways = WAYS.map((name) => ({ name, box: h('input', { type: 'checkbox', checked: (from?.fulfilment ?? []).includes(name) }) }));
  const made = form([
    field(t('item.title'), title), !before && field(t('item.slug'), slug, t('item.slug.how')), field(t('item.description'), description),
    field(t('item.price.kind'), price.kind), price.amounts, !before && field(t('item.stock'), stock, t('item.stock.how')),
    field(t('item.images'), images, from?.images?.length ? t('item.keep') : null),
    h('details', null, h('summary', null, t('optional')), field(t('item.schema'), schema.pick), schema.box, price.more,
      h('fieldset', null, h('legend', null, t('item.ways')), ways.map(({ name, box }) => h('label', { class: 'check' }, box, ' ', word(name))))),
  ], t('save'), async () => {
    const body = { item: before?.item ?? slug.value, title: title.value, schema: schema.value(), price: price.read() };
    for (const name of UNSEEN) {
      const value = from?.[name];
      if (value && (typeof value !== 'object' || Object.keys(value).length)) body[name] = value;
    }
    if (description.value) body.description = description.value;
    const reaches = ways.filter(({ box }) => box.checked).map(({ name }) => name);
    if (reaches.length) body.fulfilment = reaches;
    if (!before && stock.value) body.stock = Number(stock.value);
    // one of this name would get another revision, and nobody means that here
    if (!before && await isThere(topic, 'items', `item/${body.item}`)) throw new Error(t('item.taken'));
    const stored = [];
    for (const file of images.files) stored.push((await api.upload(file, topic)).reference);
    body.images = stored.length ? stored : from?.images ?? [];
    if (!body.images.length) delete body.images;
    if (before) await asDrawn(made, [topic, 'items', `item/${before.item}`], before, ['revision'], (now) => editor(topic, now, currency));
    written(await api.send(topic, 'item.put', { body }));
  });
  let isNamed = Boolean(model);
  const look = () => {
    schema.shown();
    price.shown();
  };
  slug.addEventListener('input', () => { isNamed = slug.value !== ''; });
  title.addEventListener('input', () => { if (!before && !isNamed) slug.value = slugOf(title.value); });
  made.addEventListener('change', look);
  made.addEventListener('restored', () => {
    isNamed ||= slug.value !== '';
    look();
  });
  made.addEventListener('reset', () => setTimeout(() => {
    isNamed = Boolean(model);
    look();
  }));
  look();
  return kept(`item:${topic}:${before?.item ?? (model ? `copy of ${model.item}` : '')}`, made);
}
