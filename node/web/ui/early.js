// What is asked for before the pages themselves are read: who is there, and what Today shows,
// which is opened most. A module of few others, so that it runs first; the answers come while
// the rest is read.

import './words.js';
import { Synlog } from './synlog.js';
import { LATEST } from './seen.js';
import { standing } from './steps.js';

export const api = new Synlog();

/** Modules that Today needs, in the order of their names: they come at once, and not module by module. */
const TODAY = ['cards.js', 'today.js', 'zones.js'];
/** Rows of one state that are asked for at a time. */
const PAGE = 50;
const OPEN = ['requested', 'quoted', 'countered', 'agreed', 'confirmed', 'in_progress'];
const BOOKED = ['pending', 'held', 'confirmed'];

/** Rows of all relations in some states, by an index. */
export async function merged(view, states, limit = PAGE) {
  const pages = await Promise.all(states.map((state) => api.appRows('relation', view, { index: 'by_state', equal: [state], limit, desc: true })));
  return pages.flatMap((page) => page.rows);
}

/** How far the first run is, while somebody still goes through it. */
async function begun(topics, me) {
  const { steps } = await api.get('/steps');
  return steps.all === 'open' ? standing({ api, steps, topics: await topics, me: await me }) : null;
}

/** What Today shows. Rows go in one request. */
export const ofToday = (topics, me) => Promise.all([merged('orders', OPEN), merged('bookings', BOOKED), api.appRows('relation', 'messages', LATEST),
  api.get('/inbox'), api.get('/guests'), begun(topics, me)]);

/** Asks what every screen wants to know, and what Today shows where that is the screen. */
export function ask() {
  const isToday = /^(#\/?(today)?)?$/.test(location.hash);
  for (const name of isToday ? TODAY : []) {
    const link = document.createElement('link');
    link.rel = 'modulepreload';
    link.href = new URL(`./${name}`, import.meta.url);
    document.head.append(link);
  }
  const me = api.get('/whoami');
  const topics = api.get('/topics').then((told) => told.topics);
  const asked = { me, topics, today: isToday ? ofToday(topics, me) : null };
  // whoever waits for them tells what went wrong
  for (const answer of Object.values(asked)) answer?.catch(() => {});
  return asked;
}

/** What was asked at once; nothing where somebody is about to log in. */
export const early = location.hash.startsWith('#login=') ? null : ask();
