// Discover: what all public spaces that are known here offer, by words, kind, price and place.

import { h } from './elements.js';
import { t, word } from './words.js';
import { api, heading, to } from './app.js';
import { field } from './forms.js';
import { amount, minorOf, units } from './format.js';
import { length, map, metres, placeOf } from './map.js';

/** Items that are looked through. */
const MOST = 20000;
/** Hits that are shown at a time. */
const SHOWN = 60;
/** Places on the map. */
const SPOTS = 1500;

async function everything(view, query) {
  const found = [];
  let after;
  do {
    const page = await api.appRows('space', view, { ...query, limit: 1000, after });
    found.push(...page.rows);
    after = page.next;
  } while (after && found.length < MOST);
  return { rows: found, more: Boolean(after) };
}

const plain = (text) => String(text ?? '').normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();

/** Items with why they are shown, best first. */
export function hits(items, wanted) {
  const words = plain(wanted.words).split(/\s+/).filter(Boolean);
  const found = [];
  for (const item of items) {
    const why = [];
    let score = 0;
    const fields = [['title', 3], ['placeName', 2], ['category', 2], ['spaceName', 2], ['description', 1], ['attributes', 1]];
    const missed = words.some((one) => {
      const where = fields.filter(([name]) => plain(item[name]).includes(one));
      for (const [name, weight] of where) {
        score += weight;
        why.push({ key: 'why.word', word: one, where: name });
      }
      return where.length === 0;
    });
    if (missed) continue;
    if (wanted.kind && item.kind !== wanted.kind) continue;
    if (wanted.kind) why.push({ key: 'why.kind', word: item.kind });
    if (wanted.space && item.topic !== wanted.space) continue;
    if (wanted.most !== null && wanted.most !== undefined) {
      if (item.min === null || item.min > wanted.most) continue;
      why.push({ key: 'why.price' });
    }
    let far = null;
    if (wanted.here && item.geo) {
      far = metres(wanted.here, item.geo);
      if (wanted.within && far > wanted.within) continue;
      why.push({ key: 'why.near', far });
      score += 2 / (1 + far / 1000);
    } else if (wanted.within) {
      continue;
    }
    found.push({ item, why, score, far });
  }
  const nearest = (hit) => hit.far ?? Infinity;
  return found.sort((a, b) => b.score - a.score || nearest(a) - nearest(b) || String(a.item.title).localeCompare(b.item.title));
}

/** The screen. What is asked for stands in its address. */
export async function discover({ topics, parts: [text = ''] }) {
  const spaces = new Map(topics.filter((topic) => topic.app === 'space').map((topic) => [topic.topic, topic]));
  const [offered, places] = await Promise.all([everything('items', { index: 'by_state', equal: ['active'] }), everything('places')]);
  const placeOfItem = new Map(places.rows.map((row) => [`${row.topic} ${row.columns.place}`, row.columns]));
  const items = offered.rows.map(({ topic, columns }) => {
    const place = placeOfItem.get(`${topic} ${columns.place}`);
    return {
      topic, key: columns.item, title: columns.title ?? columns.item, description: columns.description, spaceName: spaces.get(topic)?.name,
      attributes: Object.values(columns.attributes ?? {}).join(' '), category: place?.category, placeName: place?.name, address: place?.address,
      hours: place?.opening_hours, kind: place?.category ?? columns.schema, geo: place?.geo ?? null, min: columns.min === null || columns.min === undefined ? null : units(columns.min),
      price: columns.price_kind === 'quote' ? t('price.quote') : amount(columns.min, columns.currency), currency: columns.currency, source: place?.source,
    };
  });
  const kinds = new Map();
  for (const item of items) kinds.set(item.kind, (kinds.get(item.kind) ?? 0) + 1);
  const many = [...kinds].sort((a, b) => b[1] - a[1]).slice(0, 200);
  const words = h('input', { type: 'search', name: 'words', 'data-search': true });
  words.defaultValue = words.value = text;
  const kind = h('select', null, h('option', { value: '' }, t('any')), many.map(([name, count]) => h('option', { value: name }, `${word(name)} (${count})`)));
  const space = h('select', null, h('option', { value: '' }, t('any')), [...spaces.values()].map((it) => h('option', { value: it.topic }, it.name)));
  const price = h('input', { inputmode: 'decimal', autocomplete: 'off' });
  const around = h('input', { autocomplete: 'off', inputmode: 'text' });
  const within = h('select', null, [['', t('any')], ['1000', '1 km'], ['3000', '3 km'], ['10000', '10 km'], ['50000', '50 km']].map(([value, name]) => h('option', { value }, name)));
  try { around.defaultValue = around.value = localStorage.getItem('around') ?? ''; } catch { /* a private window forgets */ }
  const result = h('div', { 'aria-live': 'polite' });
  let shown = SHOWN;
  const draw = () => {
    const here = placeOf(around.value);
    try { localStorage.setItem('around', around.value); } catch { /* the same */ }
    around.defaultValue = around.value;
    words.defaultValue = words.value;
    const currency = items.find((item) => item.currency)?.currency ?? 'EUR';
    const found = hits(items, { words: words.value, kind: kind.value, space: space.value, most: price.value ? minorOf(price.value, currency) : null, here, within: here ? Number(within.value) : 0 });
    const spots = found.filter(({ item }) => item.geo).slice(0, SPOTS);
    const places = spots.map(({ item }, at) => ({ ...item.geo, name: item.title, strong: at < 10 }));
    const more = h('button', { type: 'button', onclick: () => { shown += SHOWN; draw(); } }, t('more'));
    result.replaceChildren(
      h('p', null, t('discover.found', { n: found.length }), offered.more ? ` ${t('discover.more', { n: MOST })}` : ''),
      ...(places.length ? [map(places, here, t('discover.map', { n: places.length }))] : []),
      h('ul', { class: 'cards' }, found.slice(0, shown).map(one)),
      ...(found.length > shown ? [more] : []),
    );
    const sources = [...new Set(found.slice(0, shown).map(({ item }) => item.source).filter(Boolean))];
    if (sources.length) result.append(h('p', { class: 'hint' }, sources.join('; ')));
  };
  const form = h('form', { role: 'search', class: 'facets', onsubmit: (event) => { event.preventDefault(); shown = SHOWN; draw(); } },
    field(t('discover.words'), words), field(t('discover.kind'), kind), field(t('discover.space'), space), field(t('discover.price'), price),
    field(t('discover.around'), around, '60.1699,24.9384'), field(t('discover.within'), within), h('p', null, h('button', { class: 'main' }, t('discover.find'))));
  form.addEventListener('change', () => { shown = SHOWN; draw(); });
  draw();
  return [heading(t('discover')), h('p', { class: 'soft' }, t('discover.local', { n: spaces.size })), form, result];
}

function one({ item, why, far }) {
  const reason = (it) => t(it.key, { word: word(it.word), where: it.where && t(`why.${it.where}`), far: it.far === undefined ? '' : length(it.far) });
  return h('li', { class: 'card' },
    h('h2', { class: 'name' }, h('a', { href: to('catalog', item.topic, item.key) }, item.title)),
    h('p', { class: 'row' }, item.price && h('span', null, item.price), item.spaceName && h('span', { class: 'soft' }, item.spaceName), far !== null && h('span', { class: 'badge' }, length(far))),
    item.address && h('p', { class: 'soft' }, item.address), item.hours && h('p', { class: 'soft' }, item.hours),
    h('details', null, h('summary', null, t('why')), h('ul', null, (why.length ? why : [{ key: 'why.all' }]).map((it) => h('li', null, reason(it))))));
}
