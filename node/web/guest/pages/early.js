// What is asked for before the pages themselves are read: who this provider is, and its
// catalog, which is opened most. A module of few others, so that it runs first; the answers
// come while the rest is read.

import './words.js';
import { Door } from './door.js';

export const door = new Door();

/** Items that come at a time. */
export const PAGE = 30;

/** The space that a link names. */
export const linked = () => /^#(?:.*&)?space=([0-9a-f]{64})/.exec(location.hash)?.[1];

/** Questions for what a space shows at first, each with the name under which its answer is kept. */
export const asks = {
  about: (space) => ['space', () => door.rows(space, 'space')],
  places: (space) => ['places', () => door.rows(space, 'places', { limit: 20 })],
  resources: (space) => ['resources', () => door.rows(space, 'resources', { limit: 50 })],
  /** With words: those in which all of them stand. */
  items: (space, words, after) => [`items ${words ?? ''} ${after ?? ''}`, () => door.rows(space, 'items', { sorted: true, words, limit: PAGE, after })],
};

const asked = new Map();

function askOf(space) {
  for (const question of Object.values(asks)) {
    const [name, ask] = question(space);
    const answer = ask();
    // whoever waits for it tells what went wrong
    answer.catch(() => {});
    asked.set(`${space}/${name}`, answer);
  }
}

/** An answer that was asked for at once. */
export const early = (space, name) => asked.get(`${space}/${name}`);
/** From here on everything is asked for anew. */
export const over = () => asked.clear();

/** Who this provider is. */
export const here = door.here();
if (linked()) askOf(linked());
// where there are several, which one is shown is known to the page
else if (/^(#\/?(provider)?)?$/.test(location.hash)) here.then(({ spaces }) => { if (spaces?.length === 1) askOf(spaces[0].topic); }, () => {});
here.catch(() => {});
