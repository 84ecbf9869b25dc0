// How much waits: at Today, and in the chats. It is asked for when a screen stands already,
// and once more when there is news; whoever wants notifications is told from the same answer.

import { api, counted, entity } from './app.js';
import { digits } from './format.js';
import { heard } from './notify.js';
import { LATEST, latestOf } from './seen.js';

/** Milliseconds in which several news are one. */
const CALM = 400;

let soon;
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
  counted({ today: waiting.length, chats });
}

// what is read here is not new any more
document.addEventListener('seen', count);
