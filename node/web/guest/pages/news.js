// News of the catalog: while this page is in front the provider tells when it has changed, and
// what shows it looks again (the event `catalog`). What changed while nobody listened is found
// by who asks once more when somebody does (the event `listening`).

import { app } from './app.js';
import { Pulse } from './pulse.js';

/** Milliseconds in which several changes are one. */
const CALM = 300;

const state = { open: null, again: null, soon: null };
const pulse = new Pulse();

const tell = (name) => document.dispatchEvent(new Event(name));

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
  let isHeard = false;
  const told = () => {
    pulse.calm();
    clearTimeout(state.soon);
    if (isHeard) state.soon = setTimeout(tell, CALM, 'catalog');
    // the provider says at once that it is there
    else tell('listening');
    isHeard = true;
  };
  const over = () => {
    if (state.open !== open) return;
    state.open = null;
    // who has no stream of its own learns by this one that the provider is away
    app.link?.wake();
    state.again = setTimeout(look, pulse.failed());
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
