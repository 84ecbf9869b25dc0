// The pages: which screen is shown, who is logged in, and news that make a screen look again.

import { Synlog } from '/synlog.js';
import { h, put } from '/elements.js';
import { t } from '/words.js';
import { digits } from '/format.js';
import { today } from '/today.js';
import { orders, order } from '/orders.js';
import { catalog } from '/catalog.js';
import { chats, chat } from '/chat.js';
import { audit } from '/audit.js';
import { feeds, entry } from '/feeds.js';
import { devices, peers, settings } from '/node.js';

export const api = new Synlog();
const screens = { today, orders, order, catalog, chats, chat, audit, feeds, entry, peers, devices, settings };
const shownInNav = ['today', 'orders', 'catalog', 'chats', 'audit', 'feeds', 'peers', 'devices', 'settings'];
/** Milliseconds in which several news are one. */
const CALM = 150;

const main = document.getElementById('main');
const state = { me: null, topics: [], leave: null, round: 0, live: null };

/** A link to a screen; parts may be anything. */
export const to = (screen, ...parts) => `#/${[screen, ...parts].map(encodeURIComponent).join('/')}`;

/** Says something for a moment, to screen readers, too. */
export function say(text) {
  const status = put(document.getElementById('status'), h('p', null, text));
  setTimeout(() => status.replaceChildren(), 4000);
}

/** What went wrong, with what can be done. */
export const problem = (error) => h('div', { class: 'problem', role: 'alert' },
  h('strong', null, t('problem')), h('p', null, error.message, error.rule ? ` (${error.rule})` : ''),
  error.hint && h('p', { class: 'hint' }, error.hint));

/** The screen's heading; it takes the focus when the screen is new. */
export const heading = (...text) => h('h1', { tabindex: '-1' }, text);

function login() {
  document.getElementById('nav').replaceChildren();
  const failed = state.failed && h('p', { class: 'problem', role: 'alert' }, t('login.wrong'));
  put(main, heading(t('login.title')), failed, h('p', null, t('login.how')), h('pre', null, 'synlog web'));
}

function chrome(here) {
  const link = (name) => h('li', null, h('a', { href: to(name), 'aria-current': name === here ? 'page' : null }, t(name)));
  const nav = document.getElementById('nav');
  nav.setAttribute('aria-label', t('nav'));
  put(nav, h('ul', null, shownInNav.map(link)));
  state.live ??= h('span', { class: 'live' }, t('offline'));
  put(document.getElementById('top'), h('strong', null, 'synlog'), state.live,
    h('span', { class: 'who' }, `${state.me.device_name}@${state.me.entity.slice(0, 10)}`));
}

function place() {
  const parts = location.hash.replace(/^#\/?/, '').split('/').map((part) => {
    try { return decodeURIComponent(part); } catch { return part; }
  });
  return parts[0] in screens ? parts : ['today'];
}

/** Shows the screen of the address; `again`: it is there already, and something is new. */
async function show(again = false) {
  const [name, ...parts] = place();
  const round = ++state.round;
  const parents = { order: 'orders', chat: 'chats', entry: 'feeds' };
  if (!again) {
    state.leave?.();
    state.leave = null;
    put(main, h('p', { class: 'soft' }, t('loading')));
  }
  const context = { ...state, api, parts, again, mine: (id) => digits(id) === state.me.entity };
  try {
    state.topics = context.topics = (await api.get('/topics')).topics;
    const made = await screens[name](context);
    // somebody went on meanwhile
    if (round !== state.round) return;
    chrome(parents[name] ?? name);
    put(main, made);
    state.leave = context.leave;
  } catch (error) {
    if (round !== state.round) return;
    if (error.status === 401) return login();
    console.error(error);
    chrome(parents[name] ?? name);
    put(main, heading(t(name)), problem(error));
  }
  if (again) return;
  const title = main.querySelector('h1');
  document.title = `${title?.textContent ?? ''} – synlog`;
  title?.focus();
}

/** Looks again, unless somebody is writing: what is typed stays. */
export function refresh() {
  const writing = main.querySelector('form[data-busy], details[open] form, dialog[open]');
  const typed = [...main.querySelectorAll('input, textarea')].some((field) => field.type !== 'checkbox' && field.value !== field.defaultValue);
  if (!writing && !typed && place()[0] !== 'feeds') show(true);
}

function follow() {
  let waiting;
  const soon = () => { clearTimeout(waiting); waiting = setTimeout(refresh, CALM); };
  api.watch({
    entry: (entry) => { soon(); document.dispatchEvent(new CustomEvent('entry', { detail: entry })); },
    reset: () => { say(t('reset')); soon(); },
    state: (open) => {
      state.live ??= h('span');
      state.live.className = open ? 'live open' : 'live';
      put(state.live, t(open ? 'live' : 'offline'));
    },
    problem: (error) => { if (error.status === 401) login(); },
  });
}

async function begin() {
  put(document.getElementById('skip'), t('skip'));
  const link = /^#login=([0-9a-f]+)$/.exec(location.hash);
  if (link) {
    // the token is worth nothing any more, and is in no history
    history.replaceState(null, '', '#/today');
    await api.login(link[1]).catch(() => { state.failed = true; });
  }
  try {
    state.me = await api.get('/whoami');
  } catch (error) {
    if (error.status === 401) return login();
    return put(main, heading('synlog'), problem(error));
  }
  addEventListener('hashchange', () => show());
  follow();
  await show();
}

begin();
