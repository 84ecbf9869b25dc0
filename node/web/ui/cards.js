// Cards of lists: an order, a relation with its last message, somebody who asks for one. Today
// is made of them, so they come without what the screens behind them need.

import { h, put } from './elements.js';
import { t, word } from './words.js';
import { api, failed, refresh, to } from './app.js';
import { amount, digits, instant, short } from './format.js';
import { here, isZone, stretch } from './zones.js';

let nextTurn;
/** After what is shown now; all who wait for it go on together, and ask in one go. */
function shownFirst() {
  nextTurn ??= new Promise((done) => { setTimeout(done); }).finally(() => { nextTurn = null; });
  return nextTurn;
}

const names = new Map();
/** The clock of what is booked, by the booking. */
export const zones = new Map();
/** What an order or booking is about, in one line; it never changes, so it is asked for once. */
export async function nameOf({ topic, table, key, columns }) {
  const at = `${topic} ${key}`;
  if (!names.has(at)) {
    const [path, name] = table === 'bookings'
      ? [`/topics/${digits(columns.space)}/rows/resources/${encodeURIComponent(`resource/${columns.resource}`)}`, (rows) => rows[0]?.columns.title]
      : [`/topics/${topic}/rows/lines/${encodeURIComponent(key)}`, (rows) => lineNames(rows)];
    const { rows } = await api.get(path).catch(() => ({ rows: [] }));
    const zone = rows[0]?.columns.zone;
    if (zone && isZone(zone)) zones.set(at, zone);
    // what is not here yet is asked for again
    if (!name(rows)) return '';
    names.set(at, name(rows));
  }
  return names.get(at);
}
const lineNames = (rows) => rows.map(({ columns }) => `${columns.quantity} × ${columns.title ?? columns.item}`).join(', ');

/** The name of an order or booking as a link or text: its number, or what is booked, until more is known. */
export function named(row, element) {
  const fallback = row.table === 'bookings' ? row.columns.resource ?? short(row.columns.booking) : t('order.of', { id: short(row.columns.order) });
  put(element, names.get(`${row.topic} ${row.key}`) ?? fallback);
  // the screen comes first
  if (!names.has(`${row.topic} ${row.key}`)) shownFirst().then(() => nameOf(row)).then((name) => { if (name) put(element, name); });
  return element;
}

/** When a booking is: by the clock of where it takes place, once that is known, and by the reader's where it differs. */
export function timed(row, element) {
  const at = `${row.topic} ${row.key}`;
  const show = () => put(element, stretch(row.columns.start, row.columns.end, zones.get(at) ?? here(), t('calendar.you')));
  show();
  if (!zones.has(at)) shownFirst().then(() => nameOf(row)).then(show);
  return element;
}

/** Who is to do something next, as the reader is told. */
export function waitsFor({ columns }, mine) {
  const isClient = columns.client && mine(columns.client);
  const isProvider = columns.provider ? mine(columns.provider) : !isClient;
  const you = (columns.next === 'client' && isClient) || (columns.next === 'provider' && isProvider);
  return columns.next ? t(`filter.next.${you ? 'you' : columns.next}`) : null;
}

/** An order on a card. */
export function card(row, { topics, mine, due }, level = 'h3') {
  const { columns } = row;
  const topic = topics.find((topic) => topic.topic === row.topic);
  const why = due.get(`${row.topic} ${row.key}`);
  return h('li', { class: 'card' },
    h(level, { class: 'name' }, named(row, h('a', { href: to('order', row.topic, 'orders', row.key) }))),
    h('p', null, t('order.with', { name: topic?.name ?? short(row.topic) })),
    h('p', { class: 'row' }, h('span', { class: 'badge' }, word(columns.state)),
      (why || columns.next) && h('span', { class: 'soft' }, why ? t(`${why}.card`) : waitsFor(row, mine)),
      row.tentative && h('span', { class: 'badge warn' }, t('tentative'))),
    h('p', null, amount(columns.total, columns.currency), ' ', h('span', { class: 'soft' }, instant(columns.updated))));
}

/** What a message says: where it can be erased it is in its entry alone. */
export async function textOf(row) {
  const { text, entry } = row.columns;
  if (text !== null && text !== undefined) return { text };
  const found = await api.get(`/entries/${digits(entry)}`).catch(() => null);
  const hidden = found?.erasable?.private;
  if (typeof hidden === 'string') return { text: hidden, isErasable: true };
  return { gone: t(found?.erased ? 'chat.erased' : 'chat.absent') };
}

/** A relation on a card, with its last line. */
export async function lastLine(topic, it, mine, level = 'h2') {
  const said = it && await textOf(it.last);
  return h('li', { class: 'card' },
    h(level, { class: 'name' }, h('a', { href: to('chat', topic.topic) }, topic.name ?? short(topic.topic))),
    said && h('p', { class: 'lastline' }, mine(it.last.columns.author) && h('span', { class: 'soft' }, `${t('chat.you')}: `),
      said.text ?? h('span', { class: 'soft' }, said.gone)),
    h('p', { class: 'row soft' }, it && h('time', null, instant(it.last.columns.at)),
      it?.fresh > 0 && h('span', { class: 'badge warn' }, t('chat.fresh', { n: it.fresh }))));
}

/** A button that answers somebody who came without an install; who is shut out is asked about once more. */
export const answer = (entity, word, main) => h('button', {
  type: 'button',
  class: main ? 'main' : null,
  onclick: async ({ currentTarget: button }) => {
    if (word === 'block') {
      button.disabled = true;
      const { sure } = await import('./forms.js').finally(() => { button.disabled = false; });
      if (!await sure(t('guests.block.sure'), t('guests.block.how'), t('guests.block'))) return;
    }
    await api.post(`/guests/${entity}`, { answer: word }).catch(failed);
    refresh(true);
  },
}, t(`guests.${word}`));

/** Those who ask for a relation. */
export const asking = (list) => list.map((of) => h('li', { class: 'card' },
  h('h3', null, t('guests.asks', { name: of.name ?? short(of.entity) })),
  h('p', { class: 'soft' }, h('code', null, short(of.entity)), ` ${instant(of.since_ms)}`),
  h('p', { class: 'row' }, answer(of.entity, 'accept', true), answer(of.entity, 'decline'))));
