// News of the catalog: while this page is in front the provider tells when it has changed, and
// what shows it looks again (the event `catalog`).

import { app } from './app.js';
import { pause } from './link.js';

/** Milliseconds in which several changes are one. */
const CALM = 300;

const state = { open: null, failures: 0, again: null, soon: null, missed: false };

/** Something has changed, or may have while nobody listened. */
function told() {
  state.failures = 0;
  // what is shown came a moment ago
  if (!state.missed) { state.missed = true; return; }
  clearTimeout(state.soon);
  state.soon = setTimeout(() => document.dispatchEvent(new Event('catalog')), CALM);
}

/** Listens, or listens no more: a page that nobody sees takes no connection. */
function look() {
  clearTimeout(state.again);
  if (document.visibilityState !== 'visible' || !app.space) {
    state.open?.abort();
    state.open = null;
    return;
  }
  if (state.open) return;
  const open = state.open = new AbortController();
  const over = () => {
    if (state.open !== open) return;
    state.open = null;
    state.missed = true;
    state.again = setTimeout(look, pause(state.failures));
    state.failures += 1;
  };
  app.door.news(app.space, told, open.signal).then(over, over);
}

/** Listens from now on. */
export function follow() {
  document.addEventListener('visibilitychange', look);
  // the provider is there again
  document.addEventListener('reached', look);
  look();
}
