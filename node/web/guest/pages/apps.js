// A page that an app brings along for guests, in its frame: it shows rows of the spaces that
// are offered, and writes nothing. The broker is that of the owner's pages.

import { h, put } from './elements.js';
import { language, locale, t } from './words.js';
import { app, heading, say, to } from './app.js';
import { Broker } from './broker.js';

/** Bytes of a picture for a frame. */
const PICTURE_MAX = 8 << 20;
/** Screens to which a frame may lead. */
const SCREENS = ['provider', 'item', 'book', 'orders', 'chat', 'audit'];

/** The screen of one. */
export async function page({ parts: [name = '', ...place] }) {
  const ui = app.uis.find((it) => it.app === name);
  if (!ui) return [heading(t('catalog')), h('p', null, t('apps.none'))];
  const title = ui.title[language] ?? ui.title.en;
  const frame = h('iframe', { class: 'app', title, sandbox: 'allow-scripts allow-forms', referrerpolicy: 'no-referrer', src: `/ui/${ui.app}/${ui.entry}` });
  const box = h('div', null, frame);
  const broker = new Broker(frame, { ...ui, writes: [] }, core(ui), {
    screens: SCREENS,
    about: () => ({ language, locale, place, zone: Intl.DateTimeFormat().resolvedOptions().timeZone, me: app.link.me?.entity ?? '', can_write: false }),
    notice: (text) => say(`${title}: ${text}`),
    open: (screen, parts) => { location.hash = to(screen, ...parts); },
    consent: () => false,
    secret: () => {},
    refused: () => {},
    stopped: (why) => put(box, h('p', { class: 'problem', role: 'alert' }, t(`apps.stopped.${why}`))),
  });
  addEventListener('hashchange', () => broker.stop(), { once: true });
  return [heading(title), box];
}

/** What the broker reads with. */
function core(ui) {
  const spaces = (app.here?.spaces ?? []).filter((space) => space.app === ui.app);
  const manifest = (topic) => app.door.get(`/spaces/${encodeURIComponent(topic)}/manifest`);
  let known;
  // of this major version alone; the space of the link is the first
  const topics = () => (known ??= Promise.all(spaces.map(async ({ topic, name }) => ({ topic, name: name ?? null, major: (await manifest(topic).catch(() => null))?.major })))
    .then((all) => all.filter(({ major }) => major === ui.major).sort((a, b) => Number(b.topic === app.space) - Number(a.topic === app.space))));
  return {
    topics,
    manifest,
    rows: async (topic, table, query) => app.door.rows(topic ?? (await topics())[0]?.topic ?? '', table, query),
    row: (topic, table, key) => app.door.row(topic, table, key),
    send: async () => { throw Object.assign(new Error('guests write in their own relation alone'), { code: 'not_allowed' }); },
    async picture(hash) {
      const answer = await fetch(app.door.image(hash), { credentials: 'omit' });
      const type = answer.headers.get('content-type') ?? '';
      const long = Number(answer.headers.get('content-length') ?? Infinity) > PICTURE_MAX;
      if (!answer.ok || !type.startsWith('image/') || long) throw Object.assign(new Error('the picture is not here'), { code: 'no_blob' });
      return { type, bytes: await answer.arrayBuffer() };
    },
    // the catalog tells nobody that it changed
    changed: () => () => {},
  };
}
