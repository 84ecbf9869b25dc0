// The pages: which screen is shown, who is logged in, and news that make a screen look again.

import { h, put } from './elements.js';
import { learn, ready, t } from './words.js';
import { digits } from './format.js';
import { explained, loadNames } from './terms.js';
import { carried, folds, isWritten } from './carrying.js';
import { api, ask, early } from './early.js';

export { api };
/** A screen that shows names of fields or columns. */
const withNames = (load) => async () => (await Promise.all([load(), loadNames()]))[0];
/** A screen that is opened now and then, and brings words of its own along. */
const withMore = (load) => async () => (await Promise.all([load(), learn('more')]))[0];
/** A screen on which one works on an order or a booking. */
const withWork = (load) => async () => (await Promise.all([load(), learn('work')]))[0];
/** Each screen is a function of a module that is loaded when it is first shown. */
const screens = {
  today: async () => (await import('./today.js')).today,
  begin: withMore(async () => (await import('./first.js')).begin),
  orders: async () => (await import('./orders.js')).orders,
  order: withWork(withNames(async () => (await import('./orders.js')).order)),
  invoice: withMore(async () => (await import('./invoice.js')).invoice),
  calendar: withWork(async () => (await import('./calendar.js')).calendar),
  hours: withMore(async () => (await import('./hours.js')).hours),
  catalog: async () => (await import('./catalog.js')).catalog,
  import: withMore(async () => (await import('./import.js')).imports),
  clients: async () => (await import('./clients.js')).clients,
  chats: async () => (await import('./chat.js')).chats,
  chat: async () => (await import('./chat.js')).chat,
  money: withMore(withNames(async () => (await import('./apps.js')).money)),
  apps: withMore(withNames(async () => (await import('./apps.js')).apps)),
  app: withMore(withNames(async () => (await import('./apps.js')).app)),
  space: withMore(withNames(async () => (await import('./space.js')).space)),
  discover: withMore(async () => (await import('./discover.js')).discover),
  mine: withMore(async () => (await import('./mine.js')).mine),
  audit: withMore(withNames(async () => (await import('./audit.js')).audit)),
  feeds: withMore(withNames(async () => (await import('./feeds.js')).feeds)),
  entry: withMore(withNames(async () => (await import('./feeds.js')).entry)),
  peers: withMore(async () => (await import('./node.js')).peers),
  devices: withMore(async () => (await import('./devices.js')).devices),
  doctor: withMore(async () => (await import('./doctor.js')).doctor),
  settings: withMore(async () => (await import('./node.js')).settings),
};
/** The menu: what is for every day, and what can be opened beside. */
const daily = ['today', 'orders', 'calendar', 'chats', 'clients', 'catalog', 'money'];
const beside = {
  'nav.shop': ['space', 'hours', 'import', 'begin'],
  'nav.more': ['settings', 'discover', 'mine', 'apps', 'audit', 'feeds', 'peers', 'devices', 'doctor'],
};
/** Screens that belong to one of those. */
const parents = { order: 'orders', invoice: 'orders', chat: 'chats', entry: 'feeds', app: 'apps' };
/** Milliseconds in which several news are one. */
const CALM = 150;
/** Milliseconds out of sight after which one tab listens for all that nobody sees: a browser has six connections to a node. */
const UNSEEN = 10_000;
/** Milliseconds without a letter after which news are shown to who wrote something. */
const REST = 2500;
/** Milliseconds that news wait for the first screen. */
const PATIENCE = 2000;

const main = document.getElementById('main');
const state = { me: null, topics: [], leave: null, round: 0, going: 0, stale: false, live: null, counts: {}, due: new Map(), asked: null, later: 0, typed: -Infinity, missed: false, composing: false };

/** Who is logged in. */
export const entity = () => state.me?.entity;

/** A link to a screen; parts may be anything. */
export const to = (screen, ...parts) => `#/${[screen, ...parts].map(encodeURIComponent).join('/')}`;

/** The longest time that a browser waits, in milliseconds. */
const LONGEST = 2 ** 31 - 1;
/** Does something at a time, or earlier where that is very far: whoever is called looks again. */
export const atTime = (at, act) => setTimeout(act, Math.min(Math.max(at - Date.now(), 0), LONGEST));

/** Says something for a moment, to screen readers, too. */
export function say(text) {
  const status = put(document.getElementById('status'), h('p', null, text));
  // what was said before leaves nothing behind that would end this one early
  clearTimeout(state.saying);
  state.saying = setTimeout(() => status.replaceChildren(), 4000);
}

/** Says what went wrong, where there is no place for more. */
export const failed = (error) => say(explained(error).text);

/** What went wrong, with what can be done. */
export function problem(error) {
  const { text, hint, said } = explained(error);
  return h('div', { class: 'problem', role: 'alert' },
    h('strong', null, t('problem')), h('p', null, text), hint && h('p', { class: 'hint' }, hint),
    said && h('details', null, h('summary', null, t('problem.said')), h('p', { class: 'hint' }, said)));
}

/** The screen's heading; it takes the focus when the screen is new. */
export const heading = (...text) => h('h1', { tabindex: '-1' }, text);

function login() {
  document.getElementById('nav').replaceChildren();
  // it answers: it only doesn't know who asks
  document.getElementById('apart').hidden = true;
  const failed = state.failed && h('p', { class: 'problem', role: 'alert' }, t('login.wrong'));
  put(main, heading(t('login.title')), failed, h('p', null, t('login.how')), h('pre', null, 'synlog web'), h('p', { class: 'hint' }, t('login.home')));
}

/** How much waits at a screen, to be seen and to be heard. */
const count = (name, n = state.counts[name]) => n > 0 && [h('span', { class: 'count', 'aria-hidden': 'true' }, n > 99 ? '99+' : n), h('span', { class: 'spoken' }, `, ${t(`waits.${name}`, { n })}`)];

/** Shows how much waits at some screens; `due` are orders that wait for the owner although the next step is somebody else's, and why: a payment that is claimed, a client who said nothing for the agreed time. */
export function counted(counts, due) {
  state.counts = counts;
  const isNew = [...due].join() !== [...state.due].join();
  state.due = due;
  if (isNew && place()[0] === 'today') refresh();
  for (const name of Object.keys(counts)) {
    const link = document.querySelector(`#nav a[href="${to(name)}"]`);
    if (link) put(link, t(name), count(name));
  }
  entitle();
}

/** The title of the window: what waits, and the screen. */
function entitle() {
  const n = Object.values(state.counts).reduce((sum, it) => sum + it, 0);
  document.title = `${n ? `(${n}) ` : ''}${main.querySelector('h1')?.textContent ?? ''} – synlog`;
}

function chrome(here) {
  const link = (name) => h('li', null, h('a', { href: to(name) }, t(name), count(name)));
  const nav = document.getElementById('nav');
  nav.setAttribute('aria-label', t('nav'));
  // it stays as it is while screens change: so does who is on it with the keyboard
  if (!nav.firstChild) {
    const group = ([name, all]) => h('details', { name: 'menu' }, h('summary', null, t(name)), h('ul', null, all.map(link)));
    put(nav, h('ul', null, daily.map(link)), Object.entries(beside).map(group));
  }
  const [before, current] = [nav.querySelector('[aria-current]'), nav.querySelector(`a[href="${to(here)}"]`)];
  if (before !== current) {
    before?.removeAttribute('aria-current');
    current?.setAttribute('aria-current', 'page');
    // what is shown is seen in the menu
    for (const group of nav.querySelectorAll('details')) group.open = group.contains(current);
    // on a phone the list is wider than the window
    const list = current?.closest('ul');
    if (list) list.scrollLeft = current.offsetLeft - (list.clientWidth - current.offsetWidth) / 2;
  }
  state.live ??= h('span', { class: 'live' }, t('offline'));
  put(document.getElementById('top'), h('strong', null, 'synlog'), state.live,
    h('span', { class: 'who' }, `${state.me.device_name}@${state.me.entity.slice(0, 10)}`));
}

function place() {
  const parts = location.hash.replace(/^#\/?/, '').split('/').map((part) => {
    try { return decodeURIComponent(part); } catch { return part; }
  });
  return Object.hasOwn(screens, parts[0]) ? parts : ['today'];
}

/** Remembers where the reader is: what has the focus, what was opened, and what was made for the reader alone (`data-held`). Gives what brings it back. */
function keep() {
  const label = (element) => element.labels?.[0]?.textContent ?? element.getAttribute('aria-label') ?? '';
  const named = (element) => `${element.tagName} ${element.getAttribute('href') ?? ''} ${label(element)} ${element.matches('select') ? '' : element.textContent}`;
  const same = (all, element) => all.filter((other) => named(other) === named(element));
  const links = () => [...document.querySelectorAll('main h1, main a, main button, main summary, main input, main textarea, main select, nav a')];
  const active = document.activeElement;
  const focused = links().includes(active) && { name: named(active), number: same(links(), active).indexOf(active) };
  const within = active !== main && main.contains(active);
  // what is chosen in a field is what the next letter replaces
  const chosen = typeof active.selectionStart === 'number' ? [active.selectionStart, active.selectionEnd] : null;
  const open = new Set(folds(main).filter(({ details }) => details.open).map(({ name }) => name));
  const place = scrollY;
  // what was asked for by a button: words, codes, tickets
  const held = [...main.querySelectorAll('[data-held]')].filter((place) => place.hasChildNodes());
  return () => {
    for (const place of held) main.querySelector(`[data-held="${place.dataset.held}"]`)?.replaceChildren(...place.childNodes);
    for (const { name, details } of folds(main)) {
      if (open.has(name)) details.open = true;
    }
    const found = focused ? links().filter((element) => named(element) === focused.name)[focused.number] : null;
    // what had the focus may be gone: the keyboard goes on from the heading
    if (within || found) (found ?? main.querySelector('h1'))?.focus({ preventScroll: true });
    if (found && chosen) found.setSelectionRange(...chosen);
    scrollTo(0, place);
  };
}

/** Shows the screen of the address; `again`: it is there already, and something is new; `done`: by what was done on it. */
async function show(again = false, done = false) {
  // who goes somewhere is not overtaken by news; they are looked at when it is there
  if (again && state.going) {
    state.stale = true;
    return;
  }
  const [name, ...parts] = place();
  const round = ++state.round;
  if (!again) state.going = round;
  if (!again) {
    state.leave?.();
    state.leave = null;
    state.composing = false;
    put(main, h('p', { class: 'soft' }, t('loading')));
  }
  const context = { ...state, leave: null, api, parts, again, mine: (id) => digits(id) === state.me.entity };
  try {
    // what was asked before the first screen
    const topics = state.asked?.topics ?? api.get('/topics').then((told) => told.topics);
    if (name === 'today') context.ahead = state.asked?.today;
    state.asked = null;
    const screen = await screens[name]();
    state.topics = context.topics = await topics;
    const made = await screen(context);
    const next = h('div', null, made);
    const move = again && carried(main, next, done);
    // somebody went on meanwhile, or something is under way
    if (round !== state.round || (again && (isBusy() || !move || main.querySelector('iframe.app')))) {
      // what would be lost stays until it is sent or taken back; then it is looked at again
      if (round === state.round && !move) {
        if (!state.missed) say(t('missed'));
        state.missed = true;
      }
      if (round === state.round && move) state.later = setTimeout(() => refresh(done), REST);
      return context.leave?.();
    }
    const back = again && keep();
    if (again) state.leave?.();
    chrome(parents[name] ?? name);
    main.replaceChildren(...next.childNodes);
    if (move) move();
    if (back) back();
    state.missed = false;
    state.leave = context.leave;
  } catch (error) {
    if (round !== state.round || (again && (isBusy() || isWritten(main)))) return;
    if (error.status === 401) return login();
    console.error(error);
    chrome(parents[name] ?? name);
    put(main, heading(t(name)), problem(error));
  } finally {
    if (state.going === round) state.going = 0;
  }
  if (again) return;
  entitle();
  main.querySelector('h1')?.focus();
  if (state.stale) {
    state.stale = false;
    refresh();
  }
}

/** Whether something is under way that a new screen would end. */
const isBusy = () => state.composing || main.querySelector('form[data-busy]') !== null;

/** Looks again, once nobody types; `done`: by what was done on it, and at once. */
export function refresh(done = false) {
  clearTimeout(state.later);
  // a frame can't be moved: it would begin anew
  if (place()[0] === 'feeds' || main.querySelector('iframe.app')) return;
  const types = !done && isWritten(main) && performance.now() - state.typed < REST;
  if (isBusy() || types) state.later = setTimeout(() => refresh(done), REST);
  else show(true, done);
}

function follow() {
  let waiting, from, end;
  // what the other side says is shown also to who writes
  const soon = () => { clearTimeout(waiting); waiting = setTimeout(() => refresh(place()[0] === 'chat'), CALM); };
  const listen = () => { end ??= api.watch({ ...told, from }); };
  const told = {
    entry: (entry, id) => { from = id; soon(); lookForMore(); document.dispatchEvent(new CustomEvent('entry', { detail: entry })); },
    rows: (changes, id) => { from = id; },
    reset: (id) => { from = id; say(t('reset')); soon(); document.dispatchEvent(new CustomEvent('reset')); },
    state: (open) => {
      state.live ??= h('span');
      state.live.className = open ? 'live open' : 'live';
      put(state.live, t(open ? 'live' : 'offline'));
      document.getElementById('apart').hidden = open;
      if (open) soon();
    },
    problem: (error) => { if (error.status === 401) login(); },
  };
  const leave = () => { end?.(); end = null; };
  let unseen, seen, left = false;
  const look = () => {
    clearTimeout(unseen);
    if (left) return;
    if (document.visibilityState === 'visible' || !navigator.locks) {
      seen?.();
      listen();
      return;
    }
    unseen = setTimeout(() => {
      leave();
      const waits = new AbortController();
      const hold = new Promise((done) => { seen = () => { waits.abort(); done(); }; });
      navigator.locks.request('synlog news', { signal: waits.signal }, () => { listen(); return hold; }).catch(() => {});
    }, UNSEEN);
  };
  document.addEventListener('visibilitychange', look);
  // who goes elsewhere may come back to this page as it is: a browser keeps it, and would keep its connection
  addEventListener('pagehide', () => { left = true; leave(); });
  addEventListener('pageshow', () => { left = false; look(); });
  // a tab may be opened behind another one
  listen();
  look();
}

/** What waits is asked for when the screen stands, and again on news. */
const lookForMore = () => import('./badges.js').then((it) => it.look(), () => {});

/** Whether nothing has been done here yet, and nobody said to leave the first steps out. */
async function isFirst() {
  const topics = await state.asked.topics.catch(() => [0]);
  if (topics.length) return false;
  const { steps } = await api.get('/steps').catch(() => ({ steps: {} }));
  return steps.all === 'open';
}

async function begin() {
  // a link that is opened where the page is already changes what stands behind the # alone
  addEventListener('hashchange', () => { if (location.hash.startsWith('#login=')) location.reload(); });
  const link = /^#login=([0-9a-f]+)$/.exec(location.hash);
  if (link) {
    // the token is worth nothing any more, and is in no history
    history.replaceState(null, '', '#/today');
    await api.login(link[1]).catch(() => { state.failed = true; });
  }
  state.asked = early ?? ask();
  // its module comes while it is asked who this is
  screens[place()[0]]().catch(() => {});
  await ready.catch(() => {});
  const skip = put(document.getElementById('skip'), t('skip'));
  // what stands behind the # names a screen, and stays
  skip.onclick = (event) => { event.preventDefault(); (main.querySelector('h1') ?? main).focus(); };
  try {
    state.me = await state.asked.me;
  } catch (error) {
    if (error.status === 401) return login();
    return put(main, heading('synlog'), problem(error));
  }
  put(document.getElementById('apart'), t('apart'));
  addEventListener('hashchange', () => show());
  main.addEventListener('input', () => {
    state.typed = performance.now();
    if (state.missed && !isWritten(main)) refresh();
  });
  main.addEventListener('compositionstart', () => { state.composing = true; });
  main.addEventListener('compositionend', () => { state.composing = false; });
  if (['', '#/today'].includes(location.hash) && await isFirst()) location.replace('#/begin');
  const first = show();
  // its questions have the connections first; what comes meanwhile is seen when news are heard
  await Promise.race([first, new Promise((done) => { setTimeout(done, PATIENCE); })]);
  follow();
  await first;
  lookForMore();
}

begin();
