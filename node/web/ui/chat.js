// What the two of a relation say to each other, and which of it was not read yet.

import { h } from './elements.js';
import { t } from './words.js';
import { api, heading, to } from './app.js';
import { field, form, written } from './forms.js';
import { digits, instant, short } from './format.js';

/** Messages that the app keeps of a relation. */
const KEPT = 50;
/** Messages of all relations that are looked at for what is new. */
const LATEST = 200;

const nameOf = (row) => digits(row.columns.entry).slice(0, 16);

/** The messages of a relation that were on this screen, for this browser. */
function seen(topic, rows) {
  const key = `seen:${topic}`;
  try {
    if (rows) localStorage.setItem(key, JSON.stringify(rows.map(nameOf)));
    return new Set(JSON.parse(localStorage.getItem(key) ?? '[]'));
  } catch {
    // a private window forgets
    return new Set();
  }
}

/** What a message says: where it can be erased it is in its entry alone. */
async function textOf(row) {
  const { text, entry } = row.columns;
  if (text !== null && text !== undefined) return { text };
  const found = await api.get(`/entries/${digits(entry)}`).catch(() => null);
  const hidden = found?.erasable?.private;
  if (typeof hidden === 'string') return { text: hidden, isErasable: true };
  return { gone: t(found?.erased ? 'chat.erased' : 'chat.absent') };
}

/** The last message of each relation, and how many of the other side's are new. */
export async function latest({ mine }) {
  const { rows } = await api.appRows('relation', 'messages', { index: 'by_at', desc: true, limit: LATEST });
  const of = new Map();
  for (const row of rows) {
    if (!of.has(row.topic)) of.set(row.topic, { last: row, fresh: 0, known: seen(row.topic), isAnswered: false });
    const it = of.get(row.topic);
    // who answered, here or on another device, has read what was said before
    if (mine(row.columns.author)) it.isAnswered = true;
    else if (!it.isAnswered && !it.known.has(nameOf(row))) it.fresh += 1;
  }
  return of;
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

/** The relations: those with something new first. */
export async function chats({ topics, mine }) {
  const relations = topics.filter((topic) => topic.app === 'relation');
  const of = relations.length ? await latest({ mine }) : new Map();
  const at = (topic) => of.get(topic.topic)?.last.columns.at ?? 0;
  const isNew = (topic) => Number((of.get(topic.topic)?.fresh ?? 0) > 0);
  relations.sort((a, b) => isNew(b) - isNew(a) || at(b) - at(a));
  return [heading(t('chats')), relations.length
    ? h('ul', { class: 'cards' }, await Promise.all(relations.map((topic) => lastLine(topic, of.get(topic.topic), mine))))
    : h('p', { class: 'soft' }, t('none'))];
}

/** One of them; it opens at its end. */
export async function chat(context) {
  const { topics, parts: [topic], mine, again } = context;
  const { rows } = await api.rows(topic, 'messages', { index: 'by_at', limit: 200 });
  const said = await Promise.all(rows.map(textOf));
  const named = topics.find((it) => it.topic === topic);
  const others = new Set(rows.map((row) => digits(row.columns.author)).filter((author) => !mine(author)));
  const author = (row) => {
    if (mine(row.columns.author)) return t('chat.you');
    return others.size === 1 && named?.name ? named.name : short(row.columns.author);
  };
  const text = h('textarea', { required: true, maxlength: '2000', name: 'text' });
  const list = h('ol', { class: 'talk' }, rows.map((row, at) => h('li', { class: mine(row.columns.author) ? 'card mine' : 'card' },
    h('p', null, said[at].text ?? h('span', { class: 'soft' }, said[at].gone)),
    h('p', { class: 'soft row' }, author(row), h('time', null, instant(row.columns.at)),
      said[at].isErasable && h('span', null, t('chat.erasable')),
      row.tentative && h('span', { class: 'badge warn' }, t('tentative'))))));
  const say = form([field(t('chat.say'), text)], t('send'), async () => {
    written(await api.send(topic, 'message.post', { body: { text: text.value.trim() } }));
  });
  const read = () => { if (!document.hidden) seen(topic, rows); };
  read();
  document.addEventListener('visibilitychange', read);
  context.leave = () => document.removeEventListener('visibilitychange', read);
  // who reads what was said before is not taken away from it by news
  const isAtEnd = !again || innerHeight + scrollY >= document.documentElement.scrollHeight - 80;
  if (isAtEnd) setTimeout(() => { if (say.isConnected) say.scrollIntoView({ block: 'end' }); });
  return [heading(named?.name ?? short(topic)),
    rows.length >= KEPT && h('p', { class: 'soft' }, t('chat.older', { n: KEPT }), ' ', h('a', { href: to('audit', topic) }, t('audit'))),
    rows.length === 0 && h('p', { class: 'soft' }, t('none')),
    list, say];
}
