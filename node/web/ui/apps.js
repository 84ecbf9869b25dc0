// User interfaces that apps bring along: which are here, and one of them in its frame. What
// it may do is kept by the broker, and once more by the node.

import { h, pairs, put } from './elements.js';
import { Synlog } from './synlog.js';
import { language, locale, t } from './words.js';
import { api, heading, refresh, say, to } from './app.js';
import { field, form, kept } from './forms.js';
import { amount, short } from './format.js';
import { Broker } from './broker.js';
import { fieldName, tableTitle, titleOf } from './terms.js';

/** Milliseconds after which a frame that says nothing is looked for in another place. */
const SILENCE = 4000;
/** Bytes of a picture for a frame. */
const PICTURE_MAX = 8 << 20;
/** Milliseconds before one can agree: nobody does by a key that was meant for something else. */
const HASTE = 500;
/** Values and letters of an event that people are asked about: of more than that nobody reads all. */
const FIELDS_MAX = 200;
const LETTERS_MAX = 8000;

const nameOf = (ui) => ui.title[language] ?? ui.title.en;
const trustKey = (ui) => `ui-trust:${ui.hash}`;
const isTrusted = (ui) => { try { return localStorage.getItem(trustKey(ui)) === 'yes'; } catch { return false; } };
const trust = (ui, yes) => { try { yes ? localStorage.setItem(trustKey(ui), 'yes') : localStorage.removeItem(trustKey(ui)); } catch { /* a private window forgets */ } };
const topicsOf = (ui, topics) => topics.filter(({ app, major }) => app === ui.app && major === ui.major);

/** What a user interface may reach, as people read it. */
const rights = (ui) => pairs([
  [t('apps.reads'), ui.reads.map((name) => tableTitle({ name })).join(', ') || t('apps.nothing')],
  [t('apps.writes'), ui.writes.map((kind) => titleOf({ kind })).join(', ') || t('apps.nothing')],
  [t('apps.from'), ui.comes_along ? t('apps.comes') : t('apps.installed')],
  [t('apps.hash'), h('code', { class: 'long' }, ui.hash)],
]);

/** The screen of all of them; a topic of an app that comes along is begun here. */
export async function apps({ topics }) {
  const { uis } = await api.get('/uis');
  return [heading(t('apps')), h('p', { class: 'hint' }, t('apps.what')),
    uis.length === 0 && h('p', { class: 'soft' }, t('none')),
    h('ul', { class: 'cards' }, uis.map((ui) => h('li', { class: 'card' },
      h('h2', { class: 'name' }, h('a', { href: to('app', ui.app) }, nameOf(ui))),
      h('p', { class: 'soft' }, t('apps.topics', { n: topicsOf(ui, topics).length })),
      topicsOf(ui, topics).length > 0 && h('ul', { class: 'plain' }, topicsOf(ui, topics).slice(0, 20).map((topic) => h('li', null, h('a', { href: to('app', ui.app, topic.topic) }, topic.name ?? short(topic.topic))))),
      h('details', null, h('summary', null, t('apps.rights')), rights(ui)),
      ui.comes_along && ui.app !== 'relation' && begin(ui))))];
}

function begin(ui) {
  const name = h('input', { required: true, autocomplete: 'off' });
  return h('details', null, h('summary', null, t('apps.begin', { app: nameOf(ui) })), kept(`begin:${ui.app}`, form([field(t('apps.name'), name)], t('apps.begin.do'), async () => {
    await api.post('/topics', { name: name.value, app: ui.app });
    refresh();
  })));
}

/** The screen of one. */
export async function app(context) {
  const [name = '', ...place] = context.parts;
  const { uis, key } = await api.get('/uis');
  const ui = uis.find((it) => it.app === name);
  if (!ui) return [heading(t('apps')), h('p', { class: 'soft' }, t('apps.none')), h('p', null, h('a', { href: to('apps') }, t('apps')))];
  return [heading(nameOf(ui)), framed(context, ui, key, place)];
}

/** Money is the user interface that comes with the app `relation`. */
export async function money(context) {
  const { uis, key } = await api.get('/uis');
  const ui = uis.find((it) => it.app === 'relation');
  return [heading(t('money')), ui ? framed(context, ui, key, context.parts) : h('p', { class: 'soft' }, t('apps.none'))];
}

/** The frame of a user interface, and what stands around it. */
function framed(context, ui, key, place) {
  // a name of its own where names of this machine mean this machine
  const here = ['127.0.0.1', 'localhost'].includes(location.hostname);
  const port = location.port ? `:${location.port}` : '';
  const beside = `/ui/${ui.app}/${key}/${ui.entry}`;
  const told = h('div');
  const asked = h('details', { hidden: true }, h('summary', null, t('apps.asked')));
  const box = h('div', null, told);
  let broker;
  let frame;
  let silence;
  // each in a frame of its own: what the one before says or loads late is nobody's
  const begin = (address) => {
    broker?.stop();
    frame?.remove();
    frame = h('iframe', { class: 'app', title: nameOf(ui), sandbox: 'allow-scripts allow-forms', referrerpolicy: 'no-referrer' });
    broker = new Broker(frame, ui, core(context, ui), shell(context, ui, place, box, told, asked));
    frame.src = address;
    box.append(frame);
  };
  begin(here ? `http://${ui.app}.localhost${port}/${key}/${ui.entry}` : beside);
  // a browser that does not know such names finds it here
  if (here) silence = setTimeout(() => { if (!broker.isConnected) begin(beside); }, SILENCE);
  context.leave = () => { clearTimeout(silence); broker.stop(); };
  return [box, h('details', { class: 'noprint' }, h('summary', null, t('apps.rights')), rights(ui), !ui.comes_along && trusting(ui)), asked];
}

function trusting(ui) {
  const box = h('input', { type: 'checkbox', checked: isTrusted(ui), onchange: () => trust(ui, box.checked) });
  return h('p', null, h('label', { class: 'check' }, box, ' ', t('apps.trust')));
}

/** What the broker reads and writes with. Requests say in whose name they are, and the node
 * holds them to it. */
function core(context, ui) {
  const node = new Synlog({ ui: ui.app });
  let topics = topicsOf(ui, context.topics);
  let stale = false;
  const part = encodeURIComponent;
  return {
    async topics() {
      if (stale) {
        stale = false;
        topics = topicsOf(ui, (await api.get('/topics')).topics);
      }
      return topics;
    },
    manifest: (topic) => node.get(`/topics/${part(topic)}/manifest`),
    rows: (topic, table, query) => (topic ? node.rows(topic, table, query) : node.appRows(ui.app, table, query)),
    row: (topic, table, row) => node.get(`/topics/${part(topic)}/rows/${part(table)}/${row.split('/').map(part).join('/')}`),
    send: (topic, kind, event) => node.send(topic, kind, event),
    async picture(hash) {
      const answer = await fetch(node.blobUrl(hash), { credentials: 'same-origin' });
      const type = answer.headers.get('content-type') ?? '';
      const long = Number(answer.headers.get('content-length') ?? Infinity) > PICTURE_MAX;
      if (!answer.ok || !type.startsWith('image/') || long) throw Object.assign(new Error('the picture is not here'), { code: 'no_blob' });
      return { type, bytes: await answer.arrayBuffer() };
    },
    changed(told) {
      const hear = ({ detail }) => {
        if (detail?.topic && !topics.some(({ topic }) => topic === detail.topic)) stale = true;
        told(detail?.topic ? [detail.topic] : null);
      };
      for (const name of ['entry', 'reset']) document.addEventListener(name, hear);
      return () => { for (const name of ['entry', 'reset']) document.removeEventListener(name, hear); };
    },
  };
}

/** What people see around the frame. */
function shell(context, ui, place, box, told, asked) {
  return {
    about: () => ({
      language, locale, place, zone: Intl.DateTimeFormat().resolvedOptions().timeZone, me: context.me.entity, can_write: true,
    }),
    notice: (text) => say(`${nameOf(ui)}: ${text}`),
    open: (screen, parts) => { location.hash = to(screen, ...parts); },
    consent: (event) => (ui.comes_along || isTrusted(ui) ? true : consent(context, ui, event)),
    secret: (texts) => put(told, h('div', { class: 'card' }, h('h2', null, t('secret.title')), texts.map((text) => h('p', { class: 'long' }, text)))),
    refused(all) {
      asked.hidden = false;
      put(asked, h('summary', null, t('apps.asked')), h('ul', null, [...all].map(([what, times]) => h('li', null, what, times > 1 && ` (${times}×)`))));
    },
    stopped(why) {
      put(box, h('p', { class: 'problem', role: 'alert' }, t(`apps.stopped.${why}`)));
    },
  };
}

/** How many values there are in one. */
const count = (value) => (typeof value === 'object' && value !== null ? 1 + Object.values(value).reduce((sum, it) => sum + count(it), 0) : 1);

/** All of a value, whatever it is: what is written is what was read. */
function whole(value) {
  if (value === '' || value === null || value === undefined) return h('span', { class: 'soft' }, value === '' ? t('apps.ask.empty') : '–');
  if (typeof value !== 'object') return String(value);
  const names = Object.keys(value).sort().join();
  if (names === '$hex' && typeof value.$hex === 'string') return h('code', { class: 'long' }, value.$hex);
  if (names === 'currency,minor' && Number.isInteger(value.minor)) return `${amount(value)} (${value.minor} ${value.currency})`;
  const inner = Object.entries(value);
  if (!inner.length) return h('span', { class: 'soft' }, t('apps.ask.empty'));
  if (Array.isArray(value)) return h('ol', null, value.map((it) => h('li', null, whole(it))));
  return h('ul', { class: 'plain' }, inner.map(([key, it]) => h('li', null, h('code', null, key), ' ', whole(it))));
}

/** Fields of an event with their names, and by what they are called where that is something else. */
const fieldsOf = (kind, part) => h('dl', null, Object.entries(part).map(([key, value]) => {
  const name = fieldName(kind, key);
  return [h('dt', null, name, name !== key && [' ', h('code', null, key)]), h('dd', null, whole(value))];
}));

/** Asks the owner, outside of the frame, whether an event is written. */
export function consent({ topics }, ui, { topic, kind, body, erasable = {} }) {
  const never = h('input', { type: 'checkbox' });
  const isLong = count([body, erasable]) > FIELDS_MAX || JSON.stringify([body, erasable]).length > LETTERS_MAX;
  const name = topics.find((it) => it.topic === topic)?.name ?? short(topic);
  let yes = false;
  const agree = h('button', { class: 'main', value: 'yes', disabled: true, onclick: () => { yes = true; } }, t('apps.ask.yes'));
  const dialog = h('dialog', { 'aria-label': t('apps.ask', { app: nameOf(ui) }) },
    h('h2', null, t('apps.ask', { app: nameOf(ui) })),
    h('p', null, h('strong', null, titleOf({ kind })), ' ', t('apps.ask.in', { topic: name }), ' ', h('code', null, kind)),
    isLong ? h('p', { class: 'bad' }, t('apps.ask.long')) : [fieldsOf(kind, body),
      Object.keys(erasable).length > 0 && [h('h3', null, t('apps.ask.erasable')), fieldsOf(kind, erasable)],
      h('p', null, h('label', { class: 'check' }, never, ' ', t('apps.trust')))],
    h('form', { method: 'dialog', class: 'row' },
      !isLong && agree, h('button', { value: 'no', autofocus: true }, t('apps.ask.no'))));
  return new Promise((done) => {
    dialog.addEventListener('close', () => {
      if (yes && never.checked) trust(ui, true);
      dialog.remove();
      done(yes);
    });
    document.body.append(dialog);
    dialog.showModal();
    // it is read from its beginning, wherever the answer stands
    dialog.scrollTop = 0;
    setTimeout(() => { agree.disabled = false; }, HASTE);
  });
}
