// The first run: a few steps, each of which can be left out and come back to.

import { h, live, put } from './elements.js';
import { t } from './words.js';
import { api, failed, heading, problem, refresh, to } from './app.js';
import { field, form, kept, preset } from './forms.js';
import { editor } from './item.js';
import { placeForm, policyForm } from './places.js';
import { STEPS, standing } from './steps.js';
import { here, isZone } from './zones.js';

const note = (step, state) => api.post('/steps', { step, state });

/** The screen; `#/begin/STEP`. */
export async function begin(context) {
  const known = await standing(context);
  const { is, begun } = known;
  const asked = context.parts[0];
  const step = STEPS.includes(asked) ? asked : STEPS.find((it) => is[it] === 'open') ?? 'end';
  const next = () => STEPS.slice(STEPS.indexOf(step) + 1).find((it) => is[it] === 'open');
  const go = async (state) => {
    if (state) await note(step, state);
    const to_ = next();
    if (location.hash === to('begin', to_ ?? 'end')) refresh();
    else location.hash = to('begin', to_ ?? 'end');
  };
  const marks = { done: ['✓', 'good'], skipped: ['–', 'soft'], open: ['○', 'warn'] };
  const line = (it) => {
    const [sign, tone] = marks[is[it]] ?? marks.open;
    return h('li', null, h('a', { href: to('begin', it), 'aria-current': it === step ? 'step' : null },
      h('span', { class: tone, 'aria-hidden': 'true' }, `${sign} `), t(`begin.${it}`), h('span', { class: 'soft' }, ` (${t(`step.${is[it]}`)})`)));
  };
  const button = (label, act, main) => h('button', { type: 'button', class: main ? 'main' : null, onclick: () => act().catch(failed) }, label);
  // what is there in part is done when the owner goes on
  const onward = (state, begun) => (state === 'done' || begun
    ? button(t('begin.next'), () => go(state === 'done' ? null : 'done'), true) : button(t('begin.skip'), () => go('skipped')));
  const shown = { space: spaceStep, words: wordsStep, key: keyStep, catalog: catalogStep, hours: hoursStep, share: shareStep }[step];
  return [
    heading(step === 'end' ? t('begin.ready') : t('begin')),
    h('p', null, t('begin.intro')),
    h('ol', { class: 'steps' }, STEPS.map(line)),
    shown && h('section', { class: 'card', 'aria-label': t(`begin.${step}`) }, h('h2', null, t(`begin.${step}`)), h('p', null, t(`begin.${step}.why`)),
      await shown(known, go, context),
      h('p', { class: 'row' }, onward(is[step], begun[step]))),
    step === 'end' && h('p', null, t(STEPS.some((it) => is[it] === 'skipped') ? 'begin.later' : 'begin.all')),
    h('p', null, button(t('begin.finish'), async () => { await note('all', 'done'); location.hash = to('today'); }, step === 'end')),
  ];
}

/** Whether there is such a currency; a browser that doesn't know them takes any. */
const isCurrency = (text) => Intl.supportedValuesOf?.('currency').includes(text) ?? true;

function spaceStep({ topic, about }, go) {
  if (about) return h('p', null, h('strong', null, about.name), ' ', h('a', { href: to('space', topic.topic) }, t('catalog.edit')));
  const name = h('input', { required: true, maxlength: '100' });
  const text = h('textarea', { maxlength: '2000' });
  const category = h('input', { maxlength: '100', autocomplete: 'off' });
  const currency = preset(h('input', { required: true, maxlength: '3', pattern: '[A-Z]{3}' }), 'EUR');
  const zone = preset(h('input', { required: true, autocomplete: 'off' }), here());
  const colour = preset(h('input', { type: 'color' }), '#1f5f8b');
  return kept('first:space', form([field(t('first.name'), name), field(t('first.about'), text), field(t('place.category'), category, 'shop/bakery, craft/plumber'),
    field(t('first.currency'), currency, t('first.forgood')), field(t('hours.zone'), zone, t('first.forgood')), field(t('first.colour'), colour)], t('first.make'), async () => {
    name.value = name.value.trim();
    if (!name.value) throw new Error(t('first.unnamed'));
    if (!isZone(zone.value)) throw new Error(t('hours.nozone', { zone: zone.value }));
    if (!isCurrency(currency.value)) throw new Error(t('first.nocurrency', { text: currency.value }));
    // who was cut off between the two has a topic without its first event
    const id = topic?.topic ?? (await api.post('/topics', { name: name.value, app: 'space' })).topic;
    const body = { name: name.value, currency: currency.value, zone: zone.value };
    if (text.value) body.about = text.value;
    if (category.value) body.category = category.value;
    await api.send(id, 'space.create', { body });
    if (colour.value !== '#1f5f8b') await api.send(id, 'space.brand', { body: { colour: colour.value } });
    await go('done');
  }));
}

/** Three fields for words of some numbers. */
function wordFields(count) {
  const numbers = new Set();
  while (numbers.size < 3) numbers.add(1 + (crypto.getRandomValues(new Uint32Array(1))[0] % count));
  const fields = [...numbers].sort((a, b) => a - b).map((number) => [number, h('input', { required: true, autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', 'data-secret': true })]);
  return { shown: fields.map(([number, input]) => field(t('words.number', { n: number }), input)), read: () => Object.fromEntries(fields.map(([number, input]) => [String(number), input.value])) };
}

function wordsStep({ root, is }, go) {
  if (root.root_form === 'absent') return h('p', null, t('words.absent'));
  // news must not take away what somebody is copying
  const box = h('div', { 'data-private': true, 'data-held': `words-${root.root_form}` });
  const locked = root.root_form !== 'plain';
  const pass = h('input', { type: 'password', required: true, autocomplete: 'off' });
  const ask = async (passphrase) => {
    const { words } = await api.post('/root/words', passphrase ? { passphrase } : {});
    put(live(box), h('p', { class: 'warn' }, t('words.care')),
      h('ol', { class: 'words', translate: 'no' }, words.map((one) => h('li', null, one))),
      h('p', null, h('button', { type: 'button', class: 'main', onclick: () => check(words.length) }, t('words.written'))));
  };
  const check = (count) => {
    const { shown, read } = wordFields(count);
    put(live(box), h('p', null, t('words.check')), form(shown, t('words.right'), async () => {
      const { right } = await api.post('/root/check', { words: read() });
      if (!right) throw new Error(t('words.wrong'));
      await go(null);
    }), h('p', null, h('button', { type: 'button', onclick: () => ask().catch((error) => put(live(box), problem(error))) }, t('words.again'))));
    live(box).querySelector('input')?.focus();
  };
  put(box, locked
    ? form([field(t('key.pass'), pass)], t('words.show'), () => ask(pass.value))
    : h('p', null, h('button', { type: 'button', class: is.words === 'done' ? null : 'main', onclick: () => ask().catch((error) => put(live(box), problem(error))) }, t('words.show'))));
  return [is.words === 'done' && h('p', { class: 'good' }, t('words.done')), box];
}

function keyStep({ root, is }, go) {
  if (root.root_form === 'absent') return h('p', { class: 'good' }, t('key.absent'));
  if (root.root_form !== 'plain') return h('p', { class: 'good' }, t('key.locked'));
  if (is.words !== 'done') return h('p', null, h('a', { href: to('begin', 'words') }, t('key.first')));
  const [one, two] = [0, 1].map(() => h('input', { type: 'password', required: true, minlength: '8', autocomplete: 'new-password' }));
  const { shown, read } = wordFields(24);
  return [
    h('details', { class: 'card' }, h('summary', null, t('key.lock')), h('p', { class: 'hint' }, t('key.lock.how')),
      form([field(t('key.pass'), one), field(t('key.again'), two)], t('key.lock'), async () => {
        if (one.value !== two.value) throw new Error(t('key.differ'));
        await api.post('/root/lock', { passphrase: one.value });
        await go(null);
      })),
    h('details', { class: 'card' }, h('summary', null, t('key.remove')), h('p', { class: 'hint' }, t('key.remove.how')),
      form(shown, t('key.remove'), async () => { await api.post('/root/remove', { words: read() }); await go(null); })),
  ];
}

const needsSpace = () => h('p', null, h('a', { href: to('begin', 'space') }, t('begin.needs')));

function catalogStep({ topic, about }) {
  if (!about) return needsSpace();
  return [
    h('p', null, h('a', { class: 'button', href: to('import', topic.topic) }, t('import.file'))),
    h('details', { class: 'card' }, h('summary', null, t('catalog.add')), editor(topic.topic, null, about.currency ?? 'EUR')),
  ];
}

/** Places that are shown here to be changed; the others are on the page of the space. */
const PLACES = 5;

async function hoursStep({ topic, about }) {
  if (!about) return needsSpace();
  const places = (await api.rows(topic.topic, 'places', { limit: 200 })).rows.map((row) => row.columns);
  const fold = (label, made) => h('details', { class: 'card' }, h('summary', null, label), made);
  return [
    places.slice(0, PLACES).map((place) => fold(t('begin.place.change', { name: place.name }), placeForm(topic.topic, place, places.filter((it) => it !== place)))),
    places.length > PLACES && h('p', null, h('a', { href: to('space', topic.topic) }, t('space.places'))),
    fold(t(places.length ? 'space.place.add' : 'begin.place'), placeForm(topic.topic, null, places, about)),
    fold(t('space.policy'), policyForm(topic.topic, about)),
    h('p', null, h('a', { href: to('hours') }, t('begin.bookable'))),
  ];
}

/** The customers' link first; the ticket is for other nodes, no phone opens it. */
async function shareStep({ topic, about, is }, go, { topics }) {
  if (!about) return needsSpace();
  // of all steps they are needed here alone
  const [{ urls }, { invitation }, { customers, guestsOff }] = await Promise.all([api.get('/guests'), import('./node.js'), import('./guests.js')]);
  const isServed = urls.length > 0;
  const onward = () => h('p', null, h('button', { type: 'button', class: 'main', onclick: () => go('done').catch(failed) }, t('begin.next')));
  const after = h('div', { 'data-held': 'shared' }, isServed && is.share !== 'done' && onward());
  const done = async () => {
    if (is.share === 'done') return;
    await note('share', 'done');
    put(live(after), onward());
  };
  return [
    isServed ? await customers(topic.topic, about.name, () => done().catch(failed)) : guestsOff(),
    after,
    h('details', { class: 'card', open: !isServed }, h('summary', null, t('begin.nodes')), invitation(topics, topic.topic, done)),
  ];
}
