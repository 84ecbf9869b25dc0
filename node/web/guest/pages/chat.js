// What customer and provider say to each other.

import { h } from './elements.js';
import { t } from './words.js';
import { digits, instant } from './format.js';
import { app, heading, say } from './app.js';
import { field, form, tick } from './form.js';

export async function chat() {
  const rows = [...(app.link.rows()?.tables.messages ?? [])].sort((a, b) => a.columns.at - b.columns.at);
  const text = h('textarea', { required: true, maxlength: '2000' });
  const erasable = h('input');
  const name = h('input', { required: true, maxlength: '60', autocomplete: 'name' });
  const mine = (row) => digits(row.columns.author) === app.link.me?.entity;
  // what can be erased is in no row: it is read from the entry itself
  const hidden = rows.some((row) => row.columns.text === undefined || row.columns.text === null);
  const entries = new Map(hidden ? (app.link.history()?.events ?? []).map((event) => [event.id, event]) : []);
  const told = (row) => {
    const entry = entries.get(digits(row.columns.entry));
    return row.columns.text ?? entry?.erasable?.private ?? h('span', { class: 'soft' }, t(entry?.erased ? 'chat.erased' : 'chat.private'));
  };
  return [heading(t('chat')),
    app.link.asked && h('p', { class: 'warn' }, t('relation.asked')),
    rows.length ? h('ol', { class: 'talk', 'aria-live': 'polite' }, rows.map((row) => h('li', { class: mine(row) ? 'card mine' : 'card' },
      h('p', null, told(row)),
      h('p', { class: 'soft row' }, t(mine(row) ? 'by.you' : 'by.provider'), h('time', null, instant(row.columns.at)),
        row.tentative && h('span', { class: 'badge warn' }, t('tentative'))))))
      : h('p', { class: 'soft' }, t('none')),
    app.link.drafts.filter((draft) => draft.kind === 'message.post').map((draft) => h('p', { class: 'card mine soft' }, draft.body.text ?? draft.erasable?.private, ' ', t('draft.waits'))),
    form([field(t('chat.say'), text), tick(t('chat.erasable'), erasable), !app.link.me && field(t('your.name'), name, t('your.name.hint'))], t('send'), async () => {
      if (!app.link.me) await app.link.begin(name.value.trim());
      const said = text.value.trim();
      if (erasable.checked) await app.link.write('message.post', {}, { erasable: { private: said }, space: app.space });
      else await app.link.write('message.post', { text: said }, { space: app.space });
      say(t('chat.sent'));
      return () => app.refresh(true);
    })];
}
