// The space: how it shows itself, its terms, places, managers and ads.

import { h, pairs } from './elements.js';
import { t, word } from './words.js';
import { api, heading, to } from './app.js';
import { commandForm, field, form, kept, manifestOf, preset, sure, written } from './forms.js';
import { digits, instant, short } from './format.js';
import { placeForm, policyForm } from './places.js';

/** The spaces in which this device decides, or another one to look at. */
export async function space({ topics, me, parts: [chosen] }) {
  const spaces = topics.filter((topic) => topic.app === 'space');
  const own = spaces.filter((topic) => topic.sequencer === me.device);
  const topic = spaces.find((it) => it.topic === chosen) ?? own[0] ?? spaces[0];
  if (!topic) return [heading(t('space')), h('p', null, t('catalog.none')), h('p', null, h('a', { href: to('begin') }, t('begin')))];
  const isOwner = own.includes(topic);
  const [manifest, ...tables] = await Promise.all([manifestOf(topic.topic),
    ...['space', 'places', 'managers', 'ads'].map((view) => api.rows(topic.topic, view, { limit: 200 }))]);
  const [[about], places, managers, ads] = tables.map(({ rows }) => rows.map((row) => row.columns));
  const command = (kind) => manifest.events.find((event) => event.kind === kind);
  const section = (title, ...children) => h('section', { class: 'card', 'aria-label': title }, h('h2', null, title), children);
  const edit = (label, ...children) => isOwner && h('details', null, h('summary', null, label), children);
  const cards = (rows, show) => (rows.length ? h('ul', { class: 'cards' }, rows.map((row) => h('li', { class: 'card' }, show(row)))) : h('p', { class: 'soft' }, t('none')));
  return [
    heading(about?.name ?? topic.name),
    spaces.length > 1 && h('nav', { 'aria-label': t('space') }, h('ul', null, spaces.slice(0, 50).map((it) => h('li', null,
      h('a', { href: to('space', it.topic), 'aria-current': it === topic ? 'true' : null }, it.name))))),
    h('p', { class: 'row' }, h('a', { href: to('catalog', topic.topic) }, t('catalog')), isOwner && h('a', { href: to('hours') }, t('hours')),
      isOwner && h('a', { href: to('begin', 'share') }, t('begin.share'))),
    !about && isOwner && section(t('first.title'), commandForm(topic.topic, command('space.create'))),
    about && section(t('space.brand'), colour(about.colour), about.about && h('p', null, about.about),
      pairs([[t('place.category'), about.category], [t('place.website'), about.website], [t('hours.zone'), about.zone], [t('space.currency'), about.currency]]),
      edit(t('catalog.edit'), brand(topic.topic, about))),
    about && section(t('space.policy'), terms(about), edit(t('catalog.edit'), policyForm(topic.topic, about))),
    about && section(t('space.pay'), h('p', null, (about.payment_types ?? []).map(word).join(', ') || t('none')), edit(t('catalog.edit'), pay(topic.topic, about))),
    section(t('space.places'), cards(places.slice(0, 50), (place) => [h('h3', null, place.name),
      pairs([[t('place.address'), place.address], [t('place.hours'), place.opening_hours], [t('place.category'), place.category], [t('place.phone'), place.phone]]),
      edit(t('catalog.edit'), placeForm(topic.topic, place, places.filter((it) => it !== place))),
      isOwner && removing(place.name ?? place.place, () => api.send(topic.topic, 'place.remove', { body: { place: place.place } }))]),
      places.length > 50 && h('p', { class: 'soft' }, t('space.more', { n: 50 })),
      edit(t('space.place.add'), placeForm(topic.topic, null, places, about))),
    section(t('space.managers'), cards(managers, (manager) => [h('p', null, h('code', null, short(manager.subject)), ` ${word(manager.capability)}`),
      manager.until && h('p', { class: 'soft' }, t('space.until', { until: instant(manager.until) })),
      isOwner && form([], t('space.revoke'), async () => {
        written(await api.send(topic.topic, 'space.revoke', { body: { subject: digits(manager.subject), capability: manager.capability } }));
      })]), edit(t('space.grant'), grant(topic.topic))),
    section(t('space.ads'), cards(ads, (ad) => [h('h3', null, ad.text ?? ad.terms), pairs([[t('space.words'), ad.terms], [t('space.from'), instant(ad.from)], [t('money.until'), instant(ad.until)]]),
      isOwner && removing(ad.text ?? ad.terms, () => api.send(topic.topic, 'ad.remove', { body: { ad: ad.ad } }))]),
      edit(t('space.ad.add'), kept(`ad:${topic.topic}`, commandForm(topic.topic, command('ad.put'))))),
  ];
}

/** Removes something that has a name, once it was asked whether that is meant. */
const removing = (name, act) => form([], t('remove'), async () => {
  if (await sure(t('space.remove.sure', { name }), t('space.remove.how'), t('remove'))) written(await act());
});

/** A patch of the colour; only one that is a colour is set. */
function colour(value) {
  if (!/^#[0-9a-f]{6}$/i.test(value ?? '')) return null;
  const patch = h('span', { class: 'patch', role: 'img', 'aria-label': value });
  patch.style.backgroundColor = value;
  return h('p', { class: 'row' }, patch, h('code', null, value));
}

function terms(about) {
  const shown = (about.cancellation_terms ?? []).map((term) => `${word(term.stage)}: ${term.fee_bp / 100} %`).join(', ');
  return pairs([[t('policy.cancel'), shown], [t('policy.return'), about.return_terms?.window_s && Math.round(about.return_terms.window_s / 86400)],
    [t('policy.notice'), about.notice_s && Math.round(about.notice_s / 3600)]]);
}

function brand(topic, before) {
  const name = preset(h('input', { required: true, maxlength: '100' }), before.name);
  const about = preset(h('textarea', { maxlength: '2000' }), before.about);
  const shade = preset(h('input', { type: 'color' }), /^#[0-9a-f]{6}$/i.test(before.colour ?? '') ? before.colour : '#1f5f8b');
  const website = preset(h('input', { maxlength: '200', autocomplete: 'off' }), before.website);
  return kept(`brand:${topic}`, form([field(t('first.name'), name), field(t('first.about'), about), field(t('first.colour'), shade), field(t('place.website'), website)], t('save'), async () => {
    const all = { name: name.value, about: about.value, colour: shade.value, website: website.value };
    const body = Object.fromEntries(Object.entries(all).filter(([key, value]) => value && value !== before[key]));
    written(await api.send(topic, 'space.brand', { body }));
  }));
}

function pay(topic, before) {
  const types = preset(h('input', { required: true, autocomplete: 'off' }), (before.payment_types ?? []).join(', '));
  return form([field(t('space.pay'), types, 'cash, card, invoice')], t('save'), async () => {
    written(await api.send(topic, 'space.payment_types', { body: { types: types.value.split(',').map((it) => it.trim()).filter(Boolean) } }));
  });
}

/** A capability; who is no member yet becomes a manager first. */
function grant(topic) {
  const subject = h('input', { required: true, pattern: '[0-9a-fA-F]{64}', autocomplete: 'off', spellcheck: 'false' });
  const capability = h('select', null, ['all', 'catalog', 'stock', 'booking'].map((name) => h('option', { value: name }, word(name))));
  const until = h('input', { type: 'datetime-local' });
  return kept(`grant:${topic}`, form([field(t('client.entity'), subject, t('client.entity.hint')), field(t('space.may'), capability), field(t('money.until'), until)], t('space.grant'), async () => {
    const entity = subject.value.toLowerCase();
    const told = await api.get(`/topics/${topic}`);
    const known = (told.members ?? []).find((member) => member.entity === entity);
    if (known?.role !== 'manager') await api.send(topic, 'topic.member', { body: { entity: { $hex: entity }, role: 'manager' } });
    const body = { subject: entity, capability: capability.value };
    if (until.value) body.until = new Date(until.value).getTime();
    written(await api.send(topic, 'space.grant', { body }));
  }));
}
