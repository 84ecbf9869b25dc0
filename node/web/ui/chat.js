// What the two of a relation say to each other.

import { h } from '/elements.js';
import { t } from '/words.js';
import { api, heading, to } from '/app.js';
import { field, form, written } from '/forms.js';
import { instant, short } from '/format.js';

/** The relations. */
export async function chats({ topics }) {
  const relations = topics.filter((topic) => topic.app === 'relation');
  return [heading(t('chats')), relations.length
    ? h('ul', { class: 'cards' }, relations.map((topic) => h('li', { class: 'card' },
      h('h2', { class: 'name' }, h('a', { href: to('chat', topic.topic) }, topic.name ?? short(topic.topic))),
      h('p', { class: 'soft' }, `${topic.entries} ${t('entries')}`))))
    : h('p', { class: 'soft' }, t('none'))];
}

/** One of them. */
export async function chat({ topics, parts: [topic], mine }) {
  const { rows } = await api.rows(topic, 'messages', { index: 'by_at', limit: 200 });
  const named = topics.find((it) => it.topic === topic);
  const text = h('textarea', { required: true, maxlength: '2000', name: 'text' });
  return [heading(named?.name ?? short(topic)),
    h('ol', { class: 'talk' }, rows.map((row) => h('li', { class: mine(row.columns.author) ? 'card mine' : 'card' },
      h('p', null, row.columns.text ?? ''),
      h('p', { class: 'soft row' }, short(row.columns.author), h('time', null, instant(row.columns.at)),
        row.tentative && h('span', { class: 'badge warn' }, t('tentative')))))),
    form([field(t('chat.say'), text)], t('send'), async () => {
      written(await api.send(topic, 'message.post', { body: { text: text.value } }));
    })];
}
