// All entries as they arrive, and one by itself.

import { h } from './elements.js';
import { t } from './words.js';
import { api, heading } from './app.js';
import { line, timeline } from './timeline.js';

/** Entries that are shown at once. */
const SHOWN = 200;

/** The live tail. */
export async function feeds(context) {
  const { entries } = await api.get('/entries', { last: true, limit: 100 });
  const list = timeline(entries.reverse());
  let paused = false;
  const add = ({ detail }) => {
    if (paused) return;
    list.prepend(line(detail));
    while (list.children.length > SHOWN) list.lastChild.remove();
  };
  document.addEventListener('entry', add);
  context.leave = () => document.removeEventListener('entry', add);
  const button = h('button', {
    type: 'button',
    'aria-pressed': 'false',
    onclick: () => {
      paused = !paused;
      button.setAttribute('aria-pressed', String(paused));
      button.textContent = t(paused ? 'feeds.go' : 'feeds.pause');
    },
  }, t('feeds.pause'));
  return [heading(t('feeds')), h('p', { class: 'row' }, t('feeds.intro'), button), list];
}

/** One entry, with all that is known of it. */
export async function entry({ parts: [id] }) {
  const told = await api.get(`/entries/${encodeURIComponent(id)}`);
  return [heading(`${t('audit.entry')} ${id.slice(0, 10)}`), timeline([told]), h('pre', null, JSON.stringify(told, null, 2))];
}
