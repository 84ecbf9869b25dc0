// Notifications of this browser on what needs an answer, where the owner wants them.

import { t, word } from './words.js';
import { api, to } from './app.js';

/** Milliseconds in which several news are one. */
const CALM = 400;

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
  const { waiting } = await api.get('/waiting');
  known = new Set(waiting.map(mark));
  return waiting;
}

let soon;
/** Looks whether something came that needs an answer. */
export function look() {
  if (!wanted()) return;
  clearTimeout(soon);
  soon = setTimeout(async () => {
    const before = known;
    const waiting = await baseline().catch(() => []);
    if (before === null) return;
    for (const it of waiting.filter((it) => !before.has(mark(it)))) tell(it);
  }, CALM);
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

if (wanted()) baseline().catch(() => {});
