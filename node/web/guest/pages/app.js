// The pages of a customer: which screen is shown, and news that make it look again.

import { h, put } from './elements.js';
import { digits, instant } from './format.js';
import { choose as speak, language, locale, names, ready, t } from './words.js';
import { Storage } from './storage.js';
import { PAGE, asks, door, early, here, linked, over } from './early.js';
import { problem, reason } from './form.js';
import { provider } from './provider.js';
import { lapsed } from './offer.js';

/** What is not shown at first comes when it is opened, or when there is time. */
const later = {
  item: () => import('./item.js'), orders: () => import('./orders.js'), booking: () => import('./booking.js'), basket: () => import('./basket.js'),
  checkout: () => import('./checkout.js'), chat: () => import('./chat.js'), audit: () => import('./audit.js'), key: () => import('./key.js'), apps: () => import('./apps.js'),
  keeping: () => import('./keeping.js'), catalog: () => import('./catalog.js'), about: () => import('./about.js'), pictures: () => import('./pictures.js'), news: () => import('./news.js'),
};

/** A screen of a module that comes later. */
const of = (file, name) => async (...given) => {
  let module;
  try {
    module = await later[file]();
  } catch (cause) {
    // it is the provider that has it
    throw Object.assign(new Error(`${file} did not come`), { status: 0, cause });
  }
  return module[name](...given);
};
const screens = {
  provider, item: of('item', 'item'), basket: of('checkout', 'page'), orders: of('orders', 'orders'), order: of('orders', 'order'), booking: of('orders', 'booking'),
  book: of('booking', 'book'), chat: of('chat', 'chat'), audit: of('audit', 'audit'), key: of('key', 'key'), app: of('apps', 'page'),
};
const shownInNav = ['provider', 'basket', 'orders', 'chat', 'audit', 'key'];
const parents = { item: 'provider', order: 'orders', booking: 'orders', book: 'provider' };
/** Milliseconds in which several news are one. */
const CALM = 120;
/** Milliseconds for which the core waits until the catalog is shown. */
const QUICK = 300;
/** Milliseconds for which an answer is waited for where an older one is here. */
const PATIENCE = 3000;
/** The same where nobody answered before. */
const SLOW = 100;
/** Milliseconds after which it is said how old a catalog is, and how old it is before that counts without the provider. */
const OLD = 3600000;
const JUST = 5000;
const DAY = 86400000;
/** Milliseconds out of sight after which a tab listens no more: a browser has six connections to a provider. */
const UNSEEN = 10_000;
/** Milliseconds after the first screen before what is left of the page is fetched. */
const REST = 300;

const main = document.getElementById('main');

/** A link to a screen; parts may be anything. */
export const to = (screen, ...parts) => `#/${[screen, ...parts].map(encodeURIComponent).join('/')}`;

let saying;
/** Says something for a moment, to screen readers, too. */
export function say(text) {
  const status = put(document.getElementById('status'), h('p', null, text));
  // what was said before leaves nothing behind that would end this one early
  clearTimeout(saying);
  saying = setTimeout(() => status.replaceChildren(), 5000);
}

/** The screen's heading; it takes the focus when the screen is new. */
export const heading = (...text) => h('h1', { tabindex: '-1' }, text);

let opened;
export const app = {
  door,
  link: null,
  /** Settles once there is a link, and with it what checks bytes: the catalog is shown before. */
  linked: new Promise((done) => { opened = done; }),
  storage: null,
  here: null,
  space: null,
  /** What the space says of itself. */
  profile: null,
  /** Who this is: as the provider calls itself, or its space. */
  get name() { return app.here?.name ?? app.profile?.name ?? 'synlog'; },
  /** Takes what the space says of itself; its colour is a line, and never what is read. */
  branded(profile) {
    app.profile = profile;
    const { colour } = profile ?? {};
    document.documentElement.style.setProperty('--brand', /^#[0-9a-f]{6}$/i.test(colour ?? '') ? colour : '');
  },
  /** User interfaces of apps that are for guests. */
  uis: [],
  /** What the provider says of public things, or what was kept of it. `now`: what is old is of no use while it may still answer. */
  async cached(name, ask, now = false) {
    const told = await known(`cache/${app.space}/${name}`, early(app.space, name) ?? ask(), now);
    state.asked.set(name, { ask, told });
    return told;
  },
  /** Until when messages of the provider were on this browser's screen, by its clock. */
  get readUntil() { try { return Number(localStorage.getItem(`read:${app.space}`) ?? state.read); } catch { return state.read; } },
  set readUntil(at) {
    state.read = Math.max(at, app.readUntil);
    try { localStorage.setItem(`read:${app.space}`, state.read); } catch { /* a private window forgets */ }
  },
  /** Under which name the basket of this provider's space is kept. */
  basketAt: () => `basket/${app.here?.entity ?? ''}/${app.space}`,
  /** The basket is another one: here, or as another tab says. */
  basketChanged(told = true) {
    if (told) state.tabs?.postMessage('basket');
    return count().then(() => { if (app.link) chrome(); document.dispatchEvent(new Event('basket')); }, console.error);
  },
  /** Does something, and tells in a place what went wrong. */
  async attempt(told, act) {
    put(told);
    try {
      await act();
    } catch (error) {
      put(told, problem(error));
    }
  },
  refresh(now = false) {
    if (now) return show(true, true);
    return soon();
  },
  /** Asks once more before something is done; true: do it. Who leaves the screen says no. */
  confirm(title, children, label) {
    return new Promise((resolve) => {
      const left = new AbortController();
      const end = (yes) => { left.abort(); dialog.close(); dialog.remove(); resolve(yes); };
      const answer = (yes) => () => end(yes);
      const dialog = h('dialog', { 'aria-labelledby': 'confirm-title', oncancel: (event) => { event.preventDefault(); end(false); } },
        h('h2', { id: 'confirm-title', tabindex: '-1' }, title), children,
        h('p', { class: 'row' }, h('button', { type: 'button', class: 'main', onclick: answer(true) }, label), h('button', { type: 'button', onclick: answer(false) }, t('back'))));
      document.body.append(dialog);
      // the phone's Back changes the screen behind it: it must not be sent from there
      addEventListener('hashchange', answer(false), { signal: left.signal });
      dialog.showModal();
      dialog.querySelector('h2').focus();
    });
  },
};

/** What comes, or what was kept of it where nobody answers, or not soon; then the screen is made anew when it has come after all. */
async function known(place, coming, now = false) {
  coming.then((fresh) => {
    state.slow = false;
    const told = { ...fresh, kept: Date.now() };
    // a disk is slow, and the screen comes first
    setTimeout(() => app.storage.put(place, told).catch(() => {}), REST);
  }, () => {});
  // who did not answer before is not waited for each time
  const late = now ? coming : new Promise((done) => { setTimeout(done, state.slow ? SLOW : PATIENCE, null); });
  const first = await Promise.race([coming, late]).catch((error) => { if (error.status !== 0) throw error; return null; });
  if (first) return first;
  const kept = await app.storage.get(place);
  if (!kept) return coming;
  state.slow = true;
  const shown = location.hash;
  coming.then((fresh) => { if (JSON.stringify(fresh) !== JSON.stringify({ ...kept, kept: undefined }) && location.hash === shown && app.link && !writing()) show(true); }, () => {});
  return kept;
}

const state = { round: 0, waiting: null, asked: new Map(), early: null, uis: null, tabs: null, lines: 0, read: 0, slow: false, online: false };

function place() {
  const parts = location.hash.replace(/^#\/?/, '').split('/').map((part) => {
    try { return decodeURIComponent(part); } catch { return part; }
  });
  return Object.hasOwn(screens, parts[0]) ? parts : ['provider'];
}

/** A number behind a name, and what it means. */
const counted = (n, what) => [' ', h('span', { class: 'badge unread', 'aria-label': t(what, { n }) }, n)];

/** Counts what is in the basket. */
async function count() {
  state.lines = app.space ? (await app.storage.get(app.basketAt()))?.lines.length ?? 0 : 0;
}

function chrome(here = parents[place()[0]] ?? place()[0]) {
  const { link } = app;
  const waits = (link.rows()?.tables.orders ?? []).filter(({ columns }) => columns.next === 'client' && !lapsed(columns)).length;
  const fresh = (link.rows()?.tables.messages ?? []).filter(({ columns }) => digits(columns.author) !== link.me?.entity && columns.at > app.readUntil).length;
  const one = (name) => h('li', null, h('a', { href: to(name), 'aria-current': name === here ? 'page' : null }, t(`nav.${name}`),
    name === 'orders' && waits > 0 && counted(waits, 'orders.waiting'), name === 'chat' && fresh > 0 && counted(fresh, 'chat.fresh'), name === 'basket' && state.lines > 0 && counted(state.lines, 'basket.count')));
  const nav = document.getElementById('nav');
  nav.setAttribute('aria-label', t('nav'));
  // the keyboard stays where it was
  const focused = nav.contains(document.activeElement) && document.activeElement.getAttribute('href');
  // pages that the provider's apps bring along
  const more = app.uis.map((ui) => h('li', null, h('a', { href: to('app', ui.app), 'aria-current': here === 'app' && place()[1] === ui.app ? 'page' : null }, ui.title[language] ?? ui.title.en)));
  put(nav, h('ul', null, shownInNav.filter((name) => name !== 'basket' || state.lines > 0 || here === 'basket').map(one), more));
  if (focused) nav.querySelector(`a[href="${focused}"]`)?.focus();
  put(document.getElementById('top'), h('strong', null, app.name),
    h('span', { class: link.online ? 'live open' : 'live' }, t(link.online ? 'live' : 'offline')));
  foot();
  banner();
  ages();
}

/** The other languages, each in its own words. */
function foot() {
  const box = document.getElementById('foot');
  if (box.firstChild) return;
  put(box, Object.entries(names).filter(([tag]) => tag !== language).map(([tag, name]) => h('button', { type: 'button', lang: tag, onclick: () => speak(tag) }, name)));
}

/** A time of today or yesterday as people say it, earlier ones with their date. */
function lately(at) {
  const day = (it) => new Date(it).setHours(0, 0, 0, 0);
  const days = Math.round((day(at) - day(Date.now())) / DAY);
  if (days < -1) return instant(at);
  return `${new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }).format(days, 'day')}, ${new Intl.DateTimeFormat(locale, { timeStyle: 'short' }).format(at)}`;
}

/** How old what is shown is, where it may be another one by now. */
function ages() {
  for (const place of main.querySelectorAll('[data-seen]')) {
    const at = Number(place.dataset.seen);
    place.hidden = Date.now() - at < (app.link.online ? OLD : JUST);
    put(place, t('seen', { when: lately(at) }));
  }
}

function banner() {
  const { link } = app;
  const said = [];
  if (!link.online) said.push(h('p', null, t(navigator.onLine === false ? 'banner.offline' : 'banner.away')));
  if (link.unsent > 0) said.push(h('p', null, t('banner.unsent', { n: link.unsent })));
  if (link.drafts.some(({ stopped }) => stopped)) said.push(h('p', { class: 'bad' }, t('banner.stopped')));
  if (link.restored) said.push(h('p', null, t('banner.restored')));
  if (link.problem) said.push(h('p', { class: 'bad' }, `${t('problem')}: ${reason(link.problem)}`));
  if (link.refused) said.push(h('p', { class: 'bad' }, `${t('problem')}: ${reason(link.refused)}`));
  if (app.stranger) said.push(h('p', { class: 'bad' }, t('banner.stranger')));
  const shown = document.getElementById('banner');
  const text = said.map((line) => line.textContent).join('\n');
  if (shown.textContent !== said.map((line) => line.textContent).join('') || !text) put(shown, said);
}

/** Whether somebody writes: what is typed stays. */
function writing() {
  // an open form in which nothing was typed is made anew: it must not show what is old
  const busy = main.querySelector('form[data-busy]') || document.querySelector('dialog[open]');
  const typed = [...main.querySelectorAll('input:not([type="search"]), textarea')].some((control) => (control.type === 'checkbox' || control.type === 'radio' ? control.checked !== control.defaultChecked : control.value !== control.defaultValue));
  return busy || typed;
}

/** What was opened, so that it is open again. */
function keep() {
  // folds of one name are told apart by their place among them
  const folds = () => {
    const seen = new Map();
    return [...main.querySelectorAll('details > summary')].map(({ textContent: name, parentElement: fold }) => {
      seen.set(name, (seen.get(name) ?? 0) + 1);
      return { name: `${name} ${seen.get(name)}`, fold };
    });
  };
  const open = new Set(folds().filter(({ fold }) => fold.open).map(({ name }) => name));
  const active = document.activeElement;
  // a field is known by its label: what is typed next goes on in it
  const called = (element) => `${element.tagName} ${element.getAttribute('href') ?? ''} ${element.labels?.[0]?.textContent ?? element.textContent}`;
  const focused = main.contains(active) && called(active);
  // what is chosen in a field is what the next letter replaces
  const chosen = typeof active.selectionStart === 'number' ? [active.selectionStart, active.selectionEnd] : null;
  const at = scrollY;
  // words to look for keep no news away, and are not lost by them
  const find = () => main.querySelector('input[type="search"]');
  const words = find() && find().value !== find().defaultValue && find().value;
  return () => {
    if (typeof words === 'string' && find()) find().value = words;
    for (const { name, fold } of folds()) if (open.has(name)) fold.open = true;
    if (focused) {
      const same = [...main.querySelectorAll('h1, a, button, summary, input, textarea, select')].find((element) => called(element) === focused);
      (same ?? main.querySelector('h1'))?.focus({ preventScroll: true });
      if (same && chosen) same.setSelectionRange(...chosen);
    }
    scrollTo(0, at);
  };
}

/** Shows the screen that the address names; `now`: although somebody may be writing. */
async function show(again = false, now = false) {
  const [name, ...parts] = place();
  const round = ++state.round;
  const early = !again && state.early?.at === location.hash ? state.early.made : null;
  state.early = null;
  if (!early) state.asked.clear();
  if (!again && !early) put(main, h('p', { class: 'soft' }, t('loading')));
  try {
    const made = await (early ?? screens[name]({ parts, again }));
    // somebody went on meanwhile, or began to write
    if (round !== state.round || (again && !now && writing())) return;
    const back = again && keep();
    put(main, made);
    if (back) back();
  } catch (error) {
    if (round !== state.round || (again && !now && writing())) return;
    if (error.status !== 0) console.error(error);
    put(main, heading(t(`nav.${parents[name] ?? name}`)), error.status === 0 ? h('p', { class: 'soft' }, t('away.text')) : problem(error));
  } finally {
    if (round === state.round) chrome(parents[name] ?? name);
  }
  if (again || round !== state.round) return;
  const title = main.querySelector('h1');
  document.title = title && title.textContent !== app.name ? `${title.textContent} – ${app.name}` : app.name;
  title?.focus();
}

/** Looks again soon, unless somebody is writing. */
function soon() {
  clearTimeout(state.waiting);
  state.waiting = setTimeout(() => {
    const [name] = place();
    chrome(parents[name] ?? name);
    // what comes from the catalog does not change by an entry of the relation
    if (['provider', 'item', 'basket', 'book', 'key', 'app'].includes(name)) return;
    if (!writing()) show(true);
  }, CALM);
}

/** Whether the catalog is shown, by somebody who neither writes nor has gone far down in it. */
function isOpen() {
  const [name] = place();
  return (name === 'item' || (name === 'provider' && main.querySelectorAll('.cards > li').length <= PAGE)) && !writing();
}

/** The catalog is another one: what shows it is made anew. */
function changed() {
  if (isOpen()) show(true);
}

/** The same, if it is another one: nobody listened when it was asked for. */
async function missed() {
  if (!isOpen()) return;
  const { round } = state;
  const questions = [...state.asked.values()];
  const same = await Promise.all(questions.map(async ({ ask, told }) => JSON.stringify(await ask()) === JSON.stringify(told)));
  if (round === state.round && same.includes(false)) changed();
}

/** Which space the link names, or this provider's first. */
async function choose(asked = door.here()) {
  const named = linked();
  const entity = /[#&]entity=([0-9a-f]{64})/.exec(location.hash)?.[1];
  if (named) {
    // the link stays in no history entry: the address is that of a screen from here on
    history.replaceState(null, '', to('provider'));
    await app.storage.put('link', { space: named, entity });
  }
  const link = (await app.storage.get('link')) ?? {};
  /** Who this is, and which space of theirs is shown. */
  const take = (told) => {
    app.here = told;
    const offered = told?.spaces ?? [];
    app.stranger = Boolean(link.entity && told && link.entity !== told.entity);
    app.space = (offered.find((space) => space.topic === link.space) ?? offered.find((space) => space.app === 'space') ?? offered[0])?.topic ?? link.space ?? null;
  };
  take(await known('here', asked).catch((error) => { if (error.status !== 0) throw error; return null; }));
  if (app.here?.kept) asked.then((told) => late(told, take), () => {});
  // the catalog does not wait for them
  state.uis = around();
}

/** Pages of apps, and what the space says of itself. */
function around() {
  const uis = app.cached('uis', () => door.get('/uis')).then((told) => { app.uis = told.uis; }, () => {});
  const profile = app.space && app.cached(...asks.about(app.space)).then(({ rows }) => app.branded(rows[0]?.columns ?? null), () => {});
  return Promise.all([uis, profile]);
}

/** Who this is was told late, and what was kept of it was shown: another provider, or another space, is another page. */
function late(told, take) {
  const [entity, space] = [app.here?.entity, app.space];
  take(told);
  const isSame = told.entity === entity && app.space === space;
  if (!isSame) {
    // what was drawn before the core was here is of the one before
    state.early = null;
    state.uis = Promise.all([around(), count()]);
  }
  // without it the first screen is still to come
  if (!app.link) return;
  if (isSame) chrome();
  else state.uis.then(() => show(true, true), console.error);
}

async function begin() {
  try {
    await ready;
    const skip = put(document.getElementById('skip'), t('skip'));
    // what stands behind the # names a screen, and stays
    skip.onclick = (event) => { event.preventDefault(); (main.querySelector('h1') ?? main).focus(); };
    const storage = app.storage = await Storage.open();
    await choose(here);
    const [name, ...parts] = place();
    if (name === 'provider') {
      // the catalog needs no keys: it is there while the core still comes
      state.early = { at: location.hash, made: screens.provider({ parts, again: false }) };
      const drawn = state.early.made.then((made) => { if (!app.link) put(main, made); }, () => {});
      await Promise.race([drawn, new Promise((done) => { setTimeout(done, QUICK); })]);
    }
    // beside this file; what was compiled once is kept with it
    const compiled = WebAssembly.compileStreaming(fetch(new URL('./guest.wasm', import.meta.url)));
    const [module, { Core }, { Link }] = await Promise.all([compiled, import('./core.js'), import('./link.js')]);
    const tabs = state.tabs = 'BroadcastChannel' in globalThis ? new BroadcastChannel('synlog-guest') : null;
    const told = () => {
      if (state.online !== app.link.online) {
        state.online = app.link.online;
        document.dispatchEvent(new Event(state.online ? 'reached' : 'lost'));
      }
      soon();
    };
    const core = await Core.of(module);
    app.link = new Link({ core, storage, door, told, look: (draft) => later.catalog().then(({ look }) => look(draft)) });
    opened();
    await Promise.all([app.link.open(), state.uis, count()]);
    app.link.onwritten = () => tabs?.postMessage('written');
    app.link.onforgotten = () => tabs?.postMessage('forgotten');
    tabs?.addEventListener('message', ({ data }) => {
      if (data === 'basket') app.basketChanged(false);
      // nothing that stands here is anybody's any more
      else if (data === 'forgotten') location.reload();
      else app.link.reload().then(() => app.link.wake()).then(soon, console.error);
    });
    addEventListener('hashchange', () => (/[#&]space=/.test(location.hash) ? choose().then(() => show()) : show()));
    addEventListener('online', () => app.link.wake());
    addEventListener('offline', () => { app.link.wake(); soon(); });
    document.addEventListener('catalog', changed);
    // who is not answered hears no news either
    document.addEventListener('listening', () => missed().catch(() => {}));
    let unseen;
    const look = () => {
      clearTimeout(unseen);
      if (document.visibilityState !== 'visible') {
        unseen = setTimeout(() => app.link.rest(), UNSEEN);
        return;
      }
      app.link.rise();
      // where tabs can't tell each other
      if (!tabs) app.basketChanged(false);
    };
    document.addEventListener('visibilitychange', look);
    // a tab may be opened behind another one
    if (document.visibilityState !== 'visible') look();
    // who goes elsewhere may come back to this page as it is: a browser keeps it, and would keep its connection
    addEventListener('pagehide', () => app.link.rest());
    addEventListener('pageshow', ({ persisted }) => { if (persisted) app.link.rise(); });
    app.link.run().catch((error) => { console.error(error); put(main, problem(error)); });
    await show();
    over();
    setTimeout(rest, REST);
    setInterval(ages, OLD / 60);
  } catch (error) {
    console.error(error);
    put(main, heading('synlog'), problem(error));
  }
}

/** What is left of the page: so that every screen opens when the provider is away. */
async function rest() {
  await Promise.allSettled(Object.values(later).map((load) => load()));
  await later.keeping().then(({ keep }) => keep(), () => {});
  await later.pictures().then(({ follow }) => follow(), () => {});
  await later.news().then(({ follow }) => follow(), () => {});
}

begin();
