// Today: what needs an answer, what is open, what is booked next; and the first run.

import { h } from '/elements.js';
import { t, word } from '/words.js';
import { api, heading, refresh, say, to } from '/app.js';
import { field, form } from '/forms.js';
import { card, merged } from '/orders.js';
import { instant, short } from '/format.js';
import { asking } from '/guests.js';

const OPEN = ['requested', 'quoted', 'countered', 'agreed', 'confirmed', 'in_progress'];

/** Orders and bookings of all relations, by one of their states. */
export async function today(context) {
  const { topics, me, mine } = context;
  const relations = topics.filter((topic) => topic.app === 'relation');
  const [orders, bookings] = relations.length
    ? await Promise.all([merged('orders', OPEN), merged('bookings', ['pending', 'held', 'confirmed'])])
    : [[], []];
  const side = (row) => {
    const { provider, client } = row.columns;
    if (mine(client)) return 'client';
    return !provider || mine(provider) ? 'provider' : 'other';
  };
  const waits = (row) => row.columns.next && row.columns.next === side(row);
  const answer = [...orders, ...bookings].filter(waits);
  const others = orders.filter((row) => !waits(row));
  const coming = bookings.filter((row) => !waits(row) && (row.columns.end ?? 0) > Date.now())
    .sort((a, b) => a.columns.start - b.columns.start);
  const letters = (await api.get('/inbox')).letters;
  const { asked } = await api.get('/guests');
  const list = (rows, none) => rows.length
    ? h('ul', { class: 'cards' }, rows.map((row) => (row.table === 'orders' ? card(row, context) : booking(row, context))))
    : h('p', { class: 'soft' }, none);
  return [
    heading(t('today')),
    me.root_key_here && h('section', { class: 'card', 'aria-label': t('key.title') },
      h('strong', { class: 'warn' }, t('key.title')), h('p', null, t('key.text'))),
    !topics.some((topic) => topic.app === 'space' && topic.sequencer === me.device) && relations.length === 0 && first(),
    h('h2', null, t('today.answer')),
    letters.length + asked.length > 0 && h('ul', { class: 'cards' }, letters.map(letter), asking(asked)),
    (answer.length > 0 || letters.length + asked.length === 0) && list(answer, t('today.quiet')),
    h('h2', null, t('today.bookings')), list(coming, t('none')),
    h('h2', null, t('today.others')), list(others, t('none')),
  ];
}

function letter(of) {
  const answer = (accept) => h('button', {
    type: 'button',
    class: accept ? 'main' : null,
    onclick: async () => {
      await api.post(`/inbox/${of.letter}`, { accept }).catch((error) => say(error.message));
      refresh();
    },
  }, t(accept ? 'letter.accept' : 'letter.drop'));
  return h('li', { class: 'card' }, h('h3', null, t('letter.from', { name: short(of.from) })),
    h('p', null, of.message ?? t('letter.closed')), h('p', { class: 'row' }, of.topic && answer(true), answer(false)));
}

function booking(row, { topics }) {
  const { columns } = row;
  const topic = topics.find((topic) => topic.topic === row.topic);
  return h('li', { class: 'card' },
    h('h3', null, h('a', { href: to('order', row.topic, 'bookings', row.key) }, columns.resource ?? short(columns.booking))),
    h('p', null, `${instant(columns.start)} – ${instant(columns.end)}`),
    h('p', { class: 'row' }, h('span', { class: 'badge' }, word(columns.state)),
      row.tentative && h('span', { class: 'badge warn' }, t('tentative')),
      h('span', { class: 'soft' }, topic?.name)));
}

/** Begins a space: the topic, and its first event. */
export function first() {
  const name = h('input', { required: true, maxlength: '100' });
  const currency = h('input', { required: true, maxlength: '3', pattern: '[A-Z]{3}', value: 'EUR' });
  return h('section', { class: 'card', 'aria-label': t('first.title') }, h('h2', null, t('first.title')), h('p', null, t('first.space')),
    form([field(t('first.name'), name), field(t('first.currency'), currency)], t('first.make'), async () => {
      const topic = await api.post('/topics', { name: name.value, app: 'space' });
      const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
      await api.send(topic.topic, 'space.create', { body: { name: name.value, currency: currency.value, zone } });
      location.hash = to('catalog', topic.topic);
    }));
}
