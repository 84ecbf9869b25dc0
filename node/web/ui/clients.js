// Clients: those with whom there is a relation, and how a new one is begun.

import { h } from './elements.js';
import { t } from './words.js';
import { api, heading, say, to } from './app.js';
import { field, form } from './forms.js';
import { short } from './format.js';
import { guests } from './guests.js';

/** All relations, and a form that begins one and writes to the other side. */
export async function clients({ topics }) {
  const relations = topics.filter((topic) => topic.app === 'relation');
  return [heading(t('clients')),
    await guests(),
    h('details', null, h('summary', null, t('client.add')), h('p', { class: 'hint' }, t('client.how')), begin()),
    relations.length
      ? h('ul', { class: 'cards' }, relations.map(card))
      : h('p', { class: 'soft' }, t('none'))];
}

function card(topic) {
  const link = (screen) => h('a', { href: to(screen, topic.topic) }, t(screen));
  return h('li', { class: 'card' }, h('h2', { class: 'name' }, topic.name ?? short(topic.topic)),
    h('p', { class: 'row' }, link('chat'), link('audit')));
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
