// The provider: who it is, when it is there, what it offers. Items come a page at a time.

import { h, put } from './elements.js';
import { t } from './words.js';
import { amount, digits } from './format.js';
import { app, heading, say, to } from './app.js';
import { asks } from './early.js';
import { field } from './form.js';

/** Since when what is shown is kept, in case it is asked for: the provider may be away for long. */
export const seen = (kept = Date.now()) => h('p', { class: 'soft', 'data-seen': kept, hidden: true });

export function price({ price_kind: kind, min, max, currency, per_unit: unit }) {
  if (kind === 'quote') return t('price.quote');
  const low = amount(min, currency);
  const each = unit ?? (kind === 'hourly' ? t('price.hour') : null);
  const high = max && amount(max, currency) !== low ? ` – ${amount(max, currency)}` : '';
  return `${low}${high}${each ? ` / ${each}` : ''}`;
}

/** Whether there is a price by the list. */
export const priced = (columns) => columns.price_kind !== 'quote' && columns.min !== null && columns.min !== undefined;

/** What a provider is, where that is said in words and not as on a map. */
const inWords = (category) => !/^[a-z0-9_]+[/=]/.test(category ?? '') && category;

/** The page of a provider: about it, then its catalog. */
export async function provider({ parts: [wanted = ''] }) {
  const space = app.space;
  if (!space) return [heading(app.here?.name ?? 'synlog'), h('p', null, t('no.space'))];
  const [about, places, resources, { list, more, kept }] = await Promise.all([
    app.cached(...asks.about(space)),
    app.cached(...asks.places(space)),
    app.cached(...asks.resources(space)),
    items(space, wanted),
  ]);
  const profile = about.rows[0]?.columns ?? {};
  app.branded(about.rows[0]?.columns ?? null);
  const find = h('input', { type: 'search', autocomplete: 'off', enterkeyhint: 'search' });
  find.value = find.defaultValue = wanted;
  const said = h('div');
  const unfolded = h('details', { ontoggle: () => import('./about.js').then(({ about: tell }) => put(said, tell(profile, places.rows, resources.rows)), () => {}) }, h('summary', null, t('about.more')), said);
  return [
    h('div', { class: 'hero' }, heading(profile.name ?? app.here?.name ?? ''),
      profile.about && h('p', null, profile.about),
      inWords(profile.category) && h('p', { class: 'soft' }, profile.category),
      unfolded),
    resources.rows.length > 0 && h('p', null, h('a', { class: 'button', href: to('book') }, t('book'))),
    h('h2', null, t('catalog')), seen(kept),
    h('form', { role: 'search', onsubmit: (event) => { event.preventDefault(); const text = find.value; find.value = find.defaultValue; location.hash = text ? to('provider', text) : to('provider'); } },
      h('div', { class: 'many' }, field(t('search'), find), h('button', { type: 'submit' }, t('search.go')))),
    list.children.length ? list : h('p', { class: 'soft' }, t(wanted ? 'search.none' : 'none')), more,
  ];
}

/** Items a page at a time; with words, those in which all of them stand: the provider looks through a part of its catalog at a time. */
async function items(space, wanted) {
  const list = h('ul', { class: 'cards' });
  const more = h('button', { type: 'button' }, t('more'));
  const words = wanted.trim() || undefined;
  let after;
  let kept;
  const load = async () => {
    do {
      const page = await app.cached(...asks.items(space, words, after));
      list.append(...page.rows.map(card));
      // the oldest of them counts
      if (page.kept) kept = Math.min(kept ?? page.kept, page.kept);
      after = page.next ?? undefined;
      if (page.rows.length) break;
    } while (after);
    more.hidden = !after;
  };
  await load();
  more.addEventListener('click', () => load().catch((error) => say(error.message)));
  return { list, more, kept };
}

/** What is shown in place of a picture that did not come: the one that was kept. */
async function instead({ target }) {
  // what is kept and does not show is none
  target.hidden = true;
  if (target.src.startsWith('blob:')) return;
  const { kept } = await import('./pictures.js');
  const src = await kept(target.dataset.hash).catch(() => null);
  if (!src) return;
  target.addEventListener('load', () => URL.revokeObjectURL(src), { once: true });
  target.hidden = false;
  target.src = src;
}

/** The first picture of an item. */
export function picture(columns, lazy) {
  const image = (columns.images ?? [])[0];
  return image && h('img', { src: app.door.image(digits(image.blob)), alt: columns.title ?? '', loading: lazy ? 'lazy' : null, width: '320', height: '240', 'data-hash': digits(image.blob), onerror: instead });
}

function card({ columns }) {
  return h('li', { class: 'card' }, picture(columns, true),
    h('h3', null, h('a', { href: to('item', columns.item) }, columns.title ?? columns.item)),
    h('p', { class: 'row' }, h('span', { class: 'price' }, price(columns)),
      columns.stock !== null && columns.stock !== undefined && h('span', { class: 'soft' }, t('stock.left', { n: columns.stock }))),
    choosing(columns));
}

/** Puts one into the basket from where it is seen; what has to be chosen first is chosen on its own page. */
function choosing(columns) {
  const title = columns.title ?? columns.item;
  if ((columns.options ?? []).some(({ min }) => min > 0)) return h('p', null, h('a', { class: 'button', href: to('item', columns.item), 'aria-label': `${title}: ${t('basket.choose')}` }, t('basket.choose')));
  const told = h('span', { role: 'status' });
  const button = h('button', { type: 'button', 'aria-label': `${title}: ${t('basket.put')}` }, t('basket.put'));
  button.addEventListener('click', () => app.attempt(told, async () => {
    const { add } = await import('./basket.js');
    const now = await add(columns, 1, []);
    put(told, h('span', { class: 'good' }, t('basket.in', { n: now })));
  }));
  return h('p', { class: 'row' }, button, told);
}
