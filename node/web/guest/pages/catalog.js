// What the provider offers now, for what is about to be ordered: a price that has changed is
// agreed to first, and what is gone does not go out.

import { h } from './elements.js';
import { t } from './words.js';
import { app, to } from './app.js';
import { DoorError } from './door.js';
import { reason } from './form.js';
import { empty, stands, withLines } from './lines.js';

/** What is offered in a line's place now; undefined: the provider said nothing. */
export async function now({ item }) {
  try {
    return (await app.door.row(app.space, 'items', `item/${item}`)).rows[0]?.columns ?? null;
  } catch (error) {
    if (error.status === 404) return null;
    if (error.status === 0 || error.status === 429) return undefined;
    throw error;
  }
}

/** Why lines must not go out as they are: `gone` or `changed`; null where they stand; undefined where the provider said nothing. */
export async function since(lines) {
  const all = await Promise.all(lines.map(async (line) => ({ line, columns: await now(line) })));
  const states = all.map(({ line, columns }) => stands(line, columns));
  if (states.includes('gone')) return 'gone';
  if (states.some((state) => state !== 'same')) return 'changed';
  return all.some(({ columns }) => columns === undefined) ? undefined : null;
}

/** The same for a draft that is about to go out; where nobody says anything it waits on. */
export async function look({ lines, space }) {
  // another space of the provider is shown: its own page looks
  if (space !== app.space) return null;
  const why = await since(lines);
  if (why === undefined) throw new DoorError({ code: 'unreachable', title: 'the provider is not reached' }, 0);
  return why;
}

/** What became of a draft, and the two ways on. */
export function held(draft) {
  const told = h('div');
  const back = () => app.attempt(told, async () => {
    const there = await app.link.takeBack(draft.id, app.basketAt(), (basket) => withLines(empty(basket), draft.lines, draft.wish));
    app.basketChanged();
    location.hash = to(there ? 'basket' : 'orders');
  });
  const away = async () => {
    if (await app.confirm(t('draft.away.title'), h('p', null, t('draft.away.text')), t('draft.away'))) await app.attempt(told, () => app.link.discard(draft.id));
  };
  return [
    h('p', { class: draft.stopped ? 'bad' : 'warn' }, t(draft.stopped ? `draft.${draft.stopped}` : 'draft.waits'), draft.stopped === 'refused' && ` ${reason({ code: 'rejected', rule: draft.rule ?? 'bad_event' })}`),
    draft.lines && draft.space === app.space && h('p', { class: 'row' }, h('button', { type: 'button', class: draft.stopped ? 'main' : null, onclick: back }, t('draft.back')),
      h('button', { type: 'button', onclick: away }, t('draft.away'))), told,
  ];
}
