// What customer and provider say to each other. The newest messages are rows; earlier ones are
// read from the entries themselves, which this browser has.

import { h, put } from './elements.js';
import { t } from './words.js';
import { digits, instant } from './format.js';
import { app, heading, say } from './app.js';
import { eraser } from './erasing.js';
import { field, form, tick } from './form.js';
import { typed } from './typed.js';

/** Earlier messages that are shown at a time. */
const PAGE = 50;
/** Messages that find room above the field for another one. */
const FEW = 3;
/** How many of them the reader asked for, while this screen is open. */
let shown = 0;

/** Messages that count, as entries, the oldest first. */
const written = () => (app.link.history()?.events ?? []).filter(({ kind, mark }) => kind === 'message.post' && ['sequenced', 'tentative'].includes(mark));

/** Whether there are more messages than rows of them. */
function more(rows) {
  const [relation] = app.link.rows()?.tables.relation ?? [];
  return (relation?.columns.messages ?? 0) > rows.length;
}

/** One message. */
function one({ text, mine, at, unsent, entry }) {
  return h('li', { class: mine ? 'card mine' : 'card' }, h('p', null, text),
    h('p', { class: 'soft row' }, t(mine ? 'by.you' : 'by.provider'), h('time', null, instant(at)),
      mine && entry?.erasable && eraser(entry.id),
      unsent && h('span', { class: 'badge warn' }, t('tentative'))));
}

/** What an entry says; what can be erased is in no row. */
const text = (entry) => entry?.body?.text ?? entry?.erasable?.private ?? h('span', { class: 'soft' }, t(entry?.erased ? 'chat.erased' : 'chat.private'));

/** Earlier messages, a page more of them each time, above those that are shown. */
function earlier(rows, unsent) {
  const newest = new Set(rows.map(({ columns }) => digits(columns.entry)));
  const list = h('ol', { class: 'talk' });
  const button = h('button', { type: 'button' }, t('chat.earlier'));
  const show = () => {
    const before = written().filter(({ id }) => !newest.has(id));
    put(list, before.slice(-shown || before.length).map((entry) => one({ text: text(entry), mine: entry.by === 'you', at: entry.time, unsent: unsent.has(entry.id), entry })));
    button.hidden = shown >= before.length;
  };
  button.addEventListener('click', () => {
    // what was read last stays where it is on the screen
    const below = document.documentElement.scrollHeight - scrollY;
    shown += PAGE;
    show();
    scrollTo(0, document.documentElement.scrollHeight - below);
    if (button.hidden) { list.tabIndex = -1; list.focus({ preventScroll: true }); }
  });
  if (shown > 0) show();
  return [h('p', null, button), list];
}

export async function chat({ again }) {
  if (!again) shown = 0;
  const rows = [...(app.link.rows()?.tables.messages ?? [])].sort((a, b) => a.columns.at - b.columns.at);
  const said = h('textarea', { required: true, maxlength: '2000' });
  const erasable = h('input', { 'data-typed': '' });
  const name = h('input', { required: true, maxlength: '60', autocomplete: 'name' });
  const mine = (row) => digits(row.columns.author) === app.link.me?.entity;
  if (document.visibilityState === 'visible') app.readUntil = Math.max(0, ...rows.filter((row) => !mine(row)).map((row) => row.columns.at));
  // the rows of all messages are one: they don't say which of them is new
  const unsent = new Set(app.link.onTheWay().map(({ id }) => id));
  const hidden = rows.some((row) => row.columns.text === undefined || row.columns.text === null);
  const entries = new Map(hidden ? written().map((entry) => [entry.id, entry]) : []);
  const sending = typed('chat', form([field(t('chat.say'), said), tick(t('chat.erasable'), erasable), !app.link.me && field(t('your.name'), name, t('your.name.hint'))], t('send'), async () => {
    if (!app.link.me) await app.link.begin(name.value.trim());
    const words = said.value.trim();
    if (erasable.checked) await app.link.write('message.post', {}, { erasable: { private: words }, space: app.space });
    else await app.link.write('message.post', { text: words }, { space: app.space });
    say(t('chat.sent'));
    return () => app.refresh(true);
  }));
  // the newest stands last, and is what one came for
  if (!again && rows.length > FEW) setTimeout(() => sending.scrollIntoView({ block: 'end' }));
  return [heading(t('chat')),
    app.link.asked && h('p', { class: 'warn' }, t('relation.asked')),
    more(rows) && earlier(rows, unsent),
    rows.length ? h('ol', { class: 'talk', 'aria-live': 'polite' }, rows.map((row) => {
      const id = digits(row.columns.entry);
      const entry = entries.get(id);
      return one({ text: row.columns.text ?? text(entry), mine: mine(row), at: row.columns.at, unsent: unsent.has(id), entry });
    }))
      : h('p', { class: 'soft' }, t('none')),
    app.link.drafts.filter((draft) => draft.kind === 'message.post').map((draft) => h('p', { class: 'card mine soft' }, draft.body.text ?? draft.erasable?.private, ' ', t('draft.waits'))),
    sending];
}
