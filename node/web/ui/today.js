// Today: what needs an answer, what is open, what is booked next; and the first run.

import { h } from './elements.js';
import { t, word } from './words.js';
import { api, failed, heading, refresh, to } from './app.js';
import { asking, card, lastLine, named, timed, waitsFor } from './cards.js';
import { ofToday } from './early.js';
import { latestOf } from './seen.js';
import { short } from './format.js';
import { dayOf, here } from './zones.js';
import { STEPS } from './steps.js';

/** Orders and bookings of all relations, by one of their states. */
export async function today(context) {
  const { topics, me, mine, due } = context;
  const relations = topics.filter((topic) => topic.app === 'relation');
  const [orders, bookings, { rows }, { letters }, { asked }, begun] = await (context.ahead ?? ofToday(topics, me));
  const said = latestOf(rows, mine);
  const side = (row) => {
    const { provider, client } = row.columns;
    if (mine(client)) return 'client';
    return !provider || mine(provider) ? 'provider' : 'other';
  };
  const waits = (row) => due.has(`${row.topic} ${row.key}`) || (row.columns.next && row.columns.next === side(row));
  // what waits the longest may be none of the newest
  const missing = [...due.keys()].filter((it) => !orders.some((row) => `${row.topic} ${row.key}` === it)).slice(0, 20);
  await Promise.all(missing.map(async (it) => {
    const [topic, key] = it.split(' ');
    const { rows } = await api.get(`/topics/${topic}/rows/orders/${encodeURIComponent(key)}`).catch(() => ({ rows: [] }));
    orders.push(...rows);
  }));
  const answer = [...orders, ...bookings].filter(waits);
  const others = orders.filter((row) => !waits(row));
  const coming = bookings.filter((row) => !waits(row) && (row.columns.end ?? 0) > Date.now())
    .sort((a, b) => a.columns.start - b.columns.start);
  const fresh = relations.filter((topic) => said.get(topic.topic)?.fresh > 0);
  const open = begun ? unfinished(begun.is) : '';
  const list = (rows, none) => rows.length
    ? h('ul', { class: 'cards' }, rows.map((row) => (row.table === 'orders' ? card(row, context) : booking(row, context))))
    : h('p', { class: 'soft' }, none);
  return [
    heading(t('today')),
    open && h('section', { class: 'card', 'aria-label': t('begin') },
      h('h2', null, t('begin')), h('p', null, t('begin.open', { what: open })), h('p', null, h('a', { href: to('begin') }, t('begin.go')))),
    h('h2', null, t('today.answer')),
    letters.length + asked.length > 0 && h('ul', { class: 'cards' }, letters.map(letter), asking(asked)),
    (answer.length > 0 || letters.length + asked.length === 0) && list(answer, t('today.quiet')),
    fresh.length > 0 && [h('h2', null, t('today.messages')),
      h('ul', { class: 'cards' }, await Promise.all(fresh.map((topic) => lastLine(topic, said.get(topic.topic), mine, 'h3'))))],
    h('h2', null, t('today.bookings')), list(coming, t('none')),
    h('h2', null, t('today.others')), list(others, t('none')),
  ];
}

/** The steps of the first run that are neither done nor left out, in words. */
function unfinished(steps) {
  return STEPS.filter((step) => steps[step] === 'open').map((step) => t(`begin.${step}`)).join(', ');
}

function letter(of) {
  const answer = (accept) => h('button', {
    type: 'button',
    class: accept ? 'main' : null,
    onclick: async () => {
      await api.post(`/inbox/${of.letter}`, { accept }).catch(failed);
      refresh(true);
    },
  }, t(accept ? 'letter.accept' : 'letter.drop'));
  return h('li', { class: 'card' }, h('h3', null, t('letter.from', { name: short(of.from) })),
    h('p', null, of.message ?? t('letter.closed')), h('p', { class: 'row' }, of.topic && answer(true), answer(false)));
}

/** A booking; it is answered on the calendar's day. */
function booking(row, { topics, mine }) {
  const { columns } = row;
  const topic = topics.find((topic) => topic.topic === row.topic);
  const isOwn = columns.client && mine(columns.client);
  const href = isOwn ? to('order', row.topic, 'bookings', row.key) : to('calendar', 'day', dayOf(columns.start, here()));
  return h('li', { class: 'card' },
    h('h3', { class: 'name' }, named(row, h('a', { href }))),
    timed(row, h('p')),
    h('p', { class: 'row' }, h('span', { class: 'badge' }, word(columns.state)),
      columns.next && h('span', { class: 'soft' }, waitsFor(row, mine)),
      row.tentative && h('span', { class: 'badge warn' }, t('tentative')),
      h('span', { class: 'soft' }, topic?.name)));
}
