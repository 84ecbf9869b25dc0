// How much waits: at Today, and in the chats. It is asked for when a screen stands already,
// and once more when there is news; whoever wants notifications is told from the same answer.

import { api, atTime, counted, entity } from './app.js';
import { digits } from './format.js';
import { heard } from './notify.js';
import { LATEST, latestOf } from './seen.js';

/** Milliseconds in which several news are one. */
const CALM = 400;

let soon;
let later;
let asking = false;
let stale = false;
let waiting = [];
let messages = [];

/** Asks in a moment; many news are one question, and none is asked while one is under way. */
export function look() {
  clearTimeout(soon);
  soon = setTimeout(ask, CALM);
}

async function ask() {
  if (asking) {
    stale = true;
    return;
  }
  asking = true;
  try {
    const [told, { rows }] = await Promise.all([api.get('/waiting'), api.appRows('relation', 'messages', LATEST)]);
    ({ waiting } = told);
    // what waits from some time on comes with no news
    clearTimeout(later);
    if (told.later_ms) later = atTime(told.later_ms + CALM, look);
    messages = rows;
    heard(waiting);
    count();
  } catch { /* what was known stays; the next news ask again */ } finally {
    asking = false;
    if (stale) look();
    stale = false;
  }
}

function count() {
  let chats = 0;
  for (const { fresh } of latestOf(messages, (id) => digits(id) === entity()).values()) chats += fresh;
  const why = (it) => (it.claimed ? 'claim' : it.silent && 'silence');
  counted({ today: waiting.length, chats }, new Map(waiting.filter(why).map((it) => [`${it.topic} ${it.key}`, why(it)]).sort()));
}

// what is read here is not new any more
document.addEventListener('seen', count);

// a time is free again when its customer cancels; where nobody looks then, the calendar does it
let freeing;
document.addEventListener('entry', ({ detail: entry }) => {
  if (entry.kind !== 'booking.cancel' || entry.entity === entity()) return;
  clearTimeout(freeing);
  freeing = setTimeout(() => import('./takes.js').then((it) => it.tidied()).catch(() => {}), CALM);
});
