// What the two of a relation say to each other, and which of it was not read yet.

import { h, put } from './elements.js';
import { t } from './words.js';
import { api, heading, problem, refresh, to } from './app.js';
import { lastLine, textOf } from './cards.js';
import { eraser, mayErase } from './erasing.js';
import { field, form, kept as keep, written } from './forms.js';
import { digits, instant, short } from './format.js';
import { LATEST, latestOf, seen } from './seen.js';

/** Messages that the app keeps of a relation. */
const KEPT = 50;
/** Earlier ones that are asked for at a time: with those that are kept the first time. */
const OLDER = 100;

/** The last message of each relation, and how many of the other side's are new. */
export const latest = async ({ mine }) => latestOf((await api.appRows('relation', 'messages', LATEST)).rows, mine);

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

/** A message as it is shown, of a row or of an entry. */
const ofRow = async (row) => ({ id: digits(row.columns.entry), author: digits(row.columns.author), at: row.columns.at, isTentative: row.tentative, ...await textOf(row) });
function ofEntry(entry) {
  const made = { id: entry.id, author: entry.entity, at: Date.parse(entry.time), isTentative: entry.status === 'tentative' };
  const hidden = entry.erasable?.private;
  if (typeof entry.body?.text === 'string') return { ...made, text: entry.body.text };
  if (typeof hidden === 'string') return { ...made, text: hidden, isErasable: true };
  return { ...made, gone: t(entry.erased ? 'chat.erased' : 'chat.absent') };
}

/** What is shown in place of what was erased. */
const GONE = () => ({ text: null, isErasable: false, gone: t('chat.erased') });

/** Earlier messages that were fetched for a relation: they stay while its screen is there. */
let past = { topic: null };

document.addEventListener('entry', ({ detail: { kind, topic, body } }) => {
  if (kind !== 'topic.tombstone' || topic !== past.topic) return;
  const erased = [...past.messages, ...past.kept].find(({ id }) => id === digits(body?.target));
  if (erased) Object.assign(erased, GONE());
});
// what was missed meanwhile is not known: they are fetched anew when somebody asks
document.addEventListener('reset', () => { past = { topic: null }; });

/** Fetches a page of messages that the table does not keep any more, from the entries of the topic; into those of this screen, whatever is shown when they come. */
async function fetchEarlier(of, kept) {
  const known = new Set([...of.messages, ...kept].map(({ id }) => id));
  const found = [];
  let { before } = of;
  do {
    const page = await api.get(`/topics/${encodeURIComponent(of.topic)}/entries`, { kind: 'message.post', last: true, limit: OLDER, before });
    const fit = page.entries.filter((entry) => entry.verdict === 'accepted' && !entry.rejected && !known.has(entry.id));
    found.unshift(...fit.map(ofEntry));
    before = page.next ?? undefined;
  } while (before && found.length < OLDER / 4);
  of.before = before;
  of.isAll = !before;
  // somebody may have asked twice
  const there = new Set(of.messages.map(({ id }) => id));
  of.messages.unshift(...found.filter(({ id }) => !there.has(id)));
  return found.length;
}

/** One of them; it opens at its end. */
export async function chat(context) {
  const { topics, parts: [topic], mine, again } = context;
  const { rows } = await api.rows(topic, 'messages', { index: 'by_at', limit: 200 });
  const kept = await Promise.all(rows.map(ofRow));
  const stays = past.kept?.some(({ id }) => kept.some((it) => it.id === id));
  // of very many at once nobody knows what lies between
  if (!again || past.topic !== topic || (past.kept.length > 0 && !stays)) past = { topic, messages: [], kept: [], before: undefined, isAll: rows.length < KEPT };
  // it was all of them until now
  if (past.kept.length < KEPT && rows.length >= KEPT && !past.messages.length) past.isAll = false;
  // what the table let go of meanwhile
  if (past.messages.length) past.messages.push(...past.kept.filter(({ id }) => !kept.some((it) => it.id === id)));
  past.kept = kept;
  const of = past;
  const named = topics.find((it) => it.topic === topic);
  const shown = () => [...of.messages, ...kept];
  const author = (it, others) => {
    if (mine(it.author)) return t('chat.you');
    return others.size === 1 && named?.name ? named.name : short(it.author);
  };
  const line = (it, others) => h('li', { class: mine(it.author) ? 'card mine' : 'card' },
    h('p', null, it.text ?? h('span', { class: 'soft' }, it.gone)),
    h('p', { class: 'soft row' }, author(it, others), h('time', null, instant(it.at)),
      it.isErasable && (mayErase(context, topic, it.author) ? eraser(it.id, () => erased(it)) : h('span', null, t('chat.erasable'))),
      it.isTentative && h('span', { class: 'badge warn' }, t('tentative'))));
  /** One that was fetched earlier is not fetched again. */
  const erased = (it) => {
    if (of.messages.includes(it)) Object.assign(it, GONE());
    return refresh(true);
  };
  const list = h('ol', { class: 'talk' });
  const told = h('p', { class: 'soft', role: 'status' });
  const draw = () => {
    const others = new Set(shown().map((it) => it.author).filter((id) => !mine(id)));
    put(list, shown().map((it) => line(it, others)));
    earlier.hidden = of.isAll;
  };
  const earlier = h('button', { type: 'button', onclick: async () => {
    earlier.disabled = true;
    // what is read stays where it is on the screen
    const before = list.getBoundingClientRect().bottom;
    try {
      const count = await fetchEarlier(of, kept);
      // it was drawn anew meanwhile, or somebody went on
      if (!list.isConnected) return past === of && refresh();
      draw();
      put(told, t('chat.came', { n: count }));
      scrollBy(0, list.getBoundingClientRect().bottom - before);
    } catch (error) {
      put(told, problem(error));
    } finally {
      earlier.disabled = false;
    }
  } }, t('chat.earlier'));
  draw();
  const text = h('textarea', { required: true, maxlength: '2000', name: 'text' });
  const later = h('input', { type: 'checkbox' });
  const say = keep(`say:${topic}`, form([field(t('chat.say'), text), h('label', { class: 'check' }, later, t('chat.keep'))], t('send'), async () => {
    const words = text.value.trim();
    written(await api.send(topic, 'message.post', later.checked ? { body: {}, erasable: { private: words } } : { body: { text: words } }));
  }));
  const read = () => { if (!document.hidden) seen(topic, rows); };
  read();
  document.addEventListener('visibilitychange', read);
  context.leave = () => document.removeEventListener('visibilitychange', read);
  // who reads what was said before is not taken away from it by news
  const isAtEnd = !again || innerHeight + scrollY >= document.documentElement.scrollHeight - 80;
  if (isAtEnd) setTimeout(() => { if (say.isConnected) say.scrollIntoView({ block: 'end' }); });
  return [heading(named?.name ?? short(topic)),
    h('p', { class: 'row' }, earlier, h('a', { href: to('audit', topic) }, t('audit'))), told,
    rows.length === 0 && h('p', { class: 'soft' }, t('none')),
    list, say];
}
