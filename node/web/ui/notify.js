// Notifications of this browser on what needs an answer, where the owner wants them.

import { t, word } from './words.js';
import { api, to } from './app.js';

const stored = (value) => {
  try {
    if (value === undefined) return localStorage.getItem('notify') === 'yes';
    localStorage.setItem('notify', value ? 'yes' : 'no');
  } catch { /* a private window forgets */ }
  return false;
};

export const can = () => 'Notification' in globalThis;
export const wanted = () => can() && stored() && Notification.permission === 'granted';

/** Turns them on or off. Gives whether they are on. */
export async function want(on) {
  if (!on || !can()) {
    stored(false);
    return false;
  }
  const allowed = Notification.permission === 'granted' || (await Notification.requestPermission()) === 'granted';
  stored(allowed);
  if (allowed) await baseline();
  return allowed;
}

const mark = (it) => [it.what, it.topic, it.key, it.state, it.updated_ms].join(' ');
let known = null;

/** What waits already is on the screen; only what comes is told. */
async function baseline() {
  known = new Set((await api.get('/waiting')).waiting.map(mark));
}

/** Tells of what came and needs an answer; the first time all of it is on the screen. */
export function heard(waiting) {
  const before = known;
  known = new Set(waiting.map(mark));
  if (before && wanted()) for (const it of waiting.filter((it) => !before.has(mark(it)))) tell(it);
}

function tell(it) {
  const title = t(`notify.${it.what}`, { name: it.name ?? '' });
  const made = new Notification(title, { body: it.state ? word(it.state) : '', tag: `${it.topic} ${it.key}` });
  made.onclick = () => {
    window.focus();
    const view = { order: 'orders', booking: 'bookings' }[it.what];
    location.hash = view ? to('order', it.topic, view, it.key) : to('today');
    made.close();
  };
}
