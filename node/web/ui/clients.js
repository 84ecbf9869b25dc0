// Clients: those with whom there is a relation, what is open with each, and how a new one is
// begun.

import { h } from './elements.js';
import { t } from './words.js';
import { api, heading, say, to } from './app.js';
import { field, form } from './forms.js';
import { instant, money, short } from './format.js';
import { answer } from './cards.js';
import { guests } from './guests.js';
import { pages } from './lists.js';

/** Clients that are asked for at a time. */
const PAGE = 50;

/** All relations, those with something new first, and a form that begins one; `#/clients/WORDS`. */
export async function clients({ parts: [wanted = ''] }) {
  const words = wanted.trim() || undefined;
  let all = 0;
  const ask = async (after) => {
    const page = await api.get('/clients', { words, limit: PAGE, after });
    ({ all } = page);
    return { rows: page.clients, next: page.next };
  };
  const [visitors, list] = await Promise.all([guests(), pages(ask, card, { kind: 'cards', none: t(words ? 'client.nobody' : 'none') })]);
  const find = h('input', { type: 'search', name: 'find', maxlength: '200' });
  find.value = find.defaultValue = wanted;
  const search = (event) => {
    event.preventDefault();
    const name = find.value.trim();
    find.value = find.defaultValue;
    location.hash = name ? to('clients', name) : to('clients');
  };
  return [heading(t('clients')),
    visitors,
    h('details', null, h('summary', null, t('client.add')), h('p', { class: 'hint' }, t('client.how')), begin()),
    (all > 0 || words) && h('form', { role: 'search', onsubmit: search }, field(t('client.search'), find)),
    all > 0 && h('p', { class: 'soft', role: 'status' }, t(words ? 'client.found' : 'client.all', { n: all })),
    list];
}

const sums = (list) => list.map(({ currency, minor }) => money(minor, currency)).join(', ');

/** One of them, with what is open. */
function card(of) {
  const link = (screen) => h('a', { href: to(screen, of.topic) }, t(screen));
  const { orders, line, missed } = of;
  const said = line && (line.text ?? t(line.erased ? 'chat.erased' : 'chat.absent'));
  return h('li', { class: 'card' },
    h('h2', { class: 'name' }, h('a', { href: to('chat', of.topic) }, of.name || short(of.topic))),
    of.blocked && h('p', null, h('span', { class: 'badge warn' }, t('guests.blocked'))),
    !of.is_provider && h('p', { class: 'soft' }, t('client.yours')),
    orders ? h('p', null, t('client.orders', { open: orders.open, all: `${orders.all}${orders.more ? '+' : ''}` })) : h('p', { class: 'soft' }, t('client.norows')),
    orders?.due.length > 0 && h('p', { class: 'warn' }, t(of.is_provider ? 'client.due' : 'client.owe', { sum: sums(orders.due) })),
    orders?.back.length > 0 && h('p', { class: 'warn' }, t(of.is_provider ? 'client.owe' : 'client.due', { sum: sums(orders.back) })),
    missed > 0 && h('p', { class: 'warn' }, t('client.missed', { n: missed })),
    said && h('p', { class: 'lastline' }, h('span', { class: 'soft' }, `${instant(line.at_ms)}: `), said),
    h('p', { class: 'soft' }, t('client.since', { since: instant(of.since_ms), last: instant(of.last_ms) })),
    h('p', { class: 'row' }, link('chat'), link('audit'), of.guest && answer(of.guest, of.blocked ? 'unblock' : 'block')));
}

function begin() {
  const name = h('input', { required: true, maxlength: '60', autocomplete: 'off' });
  const entity = h('input', { required: true, pattern: '[0-9a-fA-F]{64}', autocomplete: 'off', spellcheck: 'false' });
  const message = h('textarea', { maxlength: '4000' });
  return form([field(t('first.name'), name), field(t('client.entity'), entity, t('client.entity.hint')), field(t('client.message'), message)],
    t('client.add'), async () => {
      const client = entity.value.toLowerCase();
      const topic = await api.post('/topics', { name: name.value, app: 'relation', members: { [client]: 'client' } });
      await api.post('/invitations', { topic: topic.topic, to: client, message: message.value });
      say(t('client.done'));
    });
}
