// What a space offers: items with pictures; the owner adds, changes, pauses, duplicates and
// retires them.

import { h } from './elements.js';
import { t, word } from './words.js';
import { api, heading, problem, refresh, to } from './app.js';
import { field, folded, form, sure, written, wrong } from './forms.js';
import { amount, digits } from './format.js';
import { editor } from './item.js';
import { pages } from './lists.js';

const PAGE = 60;

/** The spaces, or the items of one; `#/catalog/TOPIC/WORDS`. */
export async function catalog({ topics, me, parts: [chosen, wanted = ''] }) {
  const spaces = topics.filter((topic) => topic.app === 'space');
  const own = spaces.filter((topic) => topic.sequencer === me.device);
  const topic = chosen ? spaces.find((space) => space.topic === chosen) : own[0] ?? spaces[0];
  if (!topic) return [heading(t('catalog')), h('p', null, t('catalog.none')), h('p', null, h('a', { href: to('begin') }, t('begin')))];
  const isOwner = own.includes(topic);
  const [about] = (await api.rows(topic.topic, 'space')).rows;
  const currency = about?.columns.currency ?? 'EUR';
  const door = isOwner ? doorOf(topic.topic) : null;
  const list = await pages(asking(topic.topic, wanted), (row) => item(topic.topic, row, isOwner, currency, door),
    { kind: 'cards', none: t(wanted.trim() ? 'catalog.nowords' : 'none') });
  const find = h('input', { type: 'search', name: 'find', maxlength: '200' });
  find.value = find.defaultValue = wanted;
  const search = (event) => {
    event.preventDefault();
    const words = find.value.trim();
    find.value = find.defaultValue;
    location.hash = words ? to('catalog', topic.topic, words) : to('catalog', topic.topic);
  };
  return [
    heading(about?.columns.name ?? topic.name),
    about?.columns.about && h('p', null, about.columns.about),
    spaces.length > 1 && h('nav', { 'aria-label': t('catalog') }, h('ul', null, spaces.map((space) => h('li', null,
      h('a', { href: to('catalog', space.topic), 'aria-current': space === topic ? 'true' : null }, space.name))))),
    h('form', { role: 'search', onsubmit: search }, field(t('catalog.search'), find, t('catalog.search.how'))),
    isOwner && h('details', { class: 'card' }, h('summary', null, t('catalog.add')), editor(topic.topic, null, currency)),
    isOwner && h('p', { class: 'row' }, h('a', { href: to('import', topic.topic) }, t('import.file')), asCustomers(door, (it) => it.url, t('catalog.seen'))),
    isOwner && h('p', { class: 'hint' }, t('catalog.for'), ' ', h('a', { href: to('hours') }, t('hours'))),
    list,
  ];
}

/** Items of a space, a page at a time; with words those in which all of them stand. The node looks through a part of a large catalog at a time. */
function asking(topic, wanted) {
  const words = wanted.trim() || undefined;
  return async (after) => {
    let page = { rows: [], next: after };
    do page = await api.rows(topic, 'items', { prefix: 'item/', words, limit: PAGE, after: page.next ?? undefined });
    while (words && !page.rows.length && page.next);
    return page;
  };
}

/** Where customers without an install find a space, if they do; the screen does not wait for it. */
async function doorOf(topic) {
  try {
    const { urls, spaces } = await api.get('/guests');
    if (!urls.length || !spaces.some((space) => space.topic === topic)) return null;
    const { url } = await api.post('/guests/link', { space: topic });
    return { url, items: spaces.length === 1 ? url.split('#')[0] : null };
  } catch {
    return null;
  }
}

/** A link to the customers' side, as soon as it is known that there is one. */
function asCustomers(door, where, label) {
  const place = h('span');
  door?.then((it) => {
    const href = it && where(it);
    if (href) place.append(h('a', { href, target: '_blank', rel: 'noreferrer' }, label));
  });
  return place;
}

function price({ price_kind: kind, min, max, currency, per_unit: unit }) {
  if (kind === 'quote') return t('price.quote');
  const low = amount(min, currency);
  const high = max && amount(max, currency) !== low ? ` – ${amount(max, currency)}` : '';
  const per = unit ?? (kind === 'hourly' ? t('price.hour') : null);
  return `${low}${high}${per ? ` / ${per}` : ''}`;
}

function item(topic, row, isOwner, currency, door) {
  const { columns } = row;
  const image = (columns.images ?? [])[0];
  const name = columns.title ?? columns.item;
  const move = (state, key, ask) => h('button', {
    type: 'button',
    onclick: async ({ target }) => {
      if (ask && !await ask()) return;
      target.disabled = true;
      try {
        written(await api.send(topic, 'item.state', { body: { item: columns.item, state } }));
        refresh(true);
      } catch (error) {
        target.disabled = false;
        target.after(problem(error));
      }
    },
  }, t(key));
  const retire = () => sure(t('catalog.retire.sure', { name }), t('catalog.retire.how'), t('catalog.retire'));
  const isCounted = columns.stock !== null && columns.stock !== undefined;
  const ways = (columns.fulfilment ?? []).map(word).join(', ');
  return h('li', { class: 'card' },
    image && h('img', { src: api.blobUrl(digits(image.blob)), alt: columns.title ?? '', loading: 'lazy', width: '320', height: '240' }),
    h('h2', { class: 'name' }, name),
    h('p', { class: 'row' }, h('span', null, price(columns)),
      isCounted && h('span', { class: 'soft' }, t('stock.left', { n: columns.stock })),
      columns.state !== 'active' && h('span', { class: 'badge' }, word(columns.state)),
      row.tentative && h('span', { class: 'badge warn' }, t('tentative'))),
    columns.description && h('p', { class: 'soft' }, columns.description),
    ways && h('p', { class: 'soft' }, ways),
    isOwner && columns.state === 'active' && asCustomers(door, (it) => it.items && `${it.items}#/item/${encodeURIComponent(columns.item)}`, t('catalog.seen')),
    isOwner && columns.state !== 'retired' && [
      h('p', { class: 'row' }, columns.state === 'active' ? move('paused', 'catalog.pause') : move('active', 'catalog.resume'), move('retired', 'catalog.retire', retire)),
      folded(t('catalog.edit'), () => editor(topic, columns, currency)),
      isCounted && folded(t('stock.count'), () => count(topic, columns)),
    ],
    isOwner && folded(t('catalog.copy'), () => editor(topic, null, currency, columns)));
}

/** How many there are now: what came or went is what is written. What others took off meanwhile is told before, so that what was counted is what is there. */
function count(topic, { item: slug, stock }) {
  const now = h('input', { type: 'number', min: '0', step: '1', required: true });
  now.defaultValue = now.value = stock;
  return form([field(t('item.stock'), now)], t('save'), async () => {
    const { rows: [row] } = await api.get(`/topics/${topic}/rows/items/${encodeURIComponent(`item/${slug}`)}`);
    const there = row?.columns.stock ?? stock;
    const before = stock;
    stock = there;
    if (there !== before && Number(now.value) !== there) throw wrong(now, t('stock.meanwhile', { before, now: there, n: now.value }));
    const delta = Number(now.value) - there;
    if (delta) written(await api.send(topic, 'item.stock', { body: { item: slug, delta } }));
  });
}
