// Places of a space, and the terms that hold in it: forms that several screens use.

import { h } from './elements.js';
import { t, word } from './words.js';
import { api } from './app.js';
import { asDrawn, field, form, kept, preset, written, wrong } from './forms.js';
import { map, placeOf } from './map.js';
import { WEEK, weekOf } from './opening.js';
import { isThere, names, slugOf } from './slugs.js';
import { here, isZone } from './zones.js';

/** A new place, or another state of one; `others` are places that are there already, `about` is the space, as whose clock and kind a new one begins. */
export function placeForm(topic, before, others = [], about = {}) {
  const text = (value, more) => preset(h('input', { autocomplete: 'off', maxlength: '200', ...more }), value);
  const slug = text(before?.place, { pattern: '[a-z0-9][a-z0-9._\\-]*', readonly: Boolean(before) });
  const name = text(before?.name, { required: true });
  const category = text(before?.category ?? about.category, { required: true });
  const geo = text(before?.geo ? `${before.geo.lat / 1e7},${before.geo.lon / 1e7}` : '', { required: true, inputmode: 'text' });
  const [address, hours, phone, website, email] = ['address', 'opening_hours', 'phone', 'website', 'email'].map((key) => text(before?.[key]));
  const zone = text(before?.zone ?? about.zone ?? here(), { required: true });
  const radius = preset(h('input', { type: 'number', min: '0', step: '1' }), before?.radius_m ?? '');
  // whoever did not choose a short name gets one that is free
  let isNamed = Boolean(before);
  const known = new Set(others.map((place) => place.place));
  const suggested = () => names(slugOf(name.value) || 'place');
  const shown = () => {
    if (!name.value.trim()) return '';
    for (const one of suggested()) if (!known.has(one)) return one;
    return '';
  };
  const made = form([
    field(t('first.name'), name), field(t('place.hours'), hours, t('place.hours.how', { example: WEEK })), field(t('place.address'), address),
    field(t('place.geo'), geo, `${t('place.geo.why')} ${t('place.geo.how', { example: '60.1699,24.9384' })}`), hereButton(geo), mapOf(geo, others), field(t('place.category'), category, t('place.category.why')),
    h('details', null, h('summary', null, t('optional')), field(t('place.slug'), slug, t('place.slug.how')), field(t('hours.zone'), zone), field(t('place.phone'), phone),
      field(t('place.website'), website), field(t('place.email'), email), field(t('place.radius'), radius)),
  ], t('save'), async () => {
    const at = placeOf(geo.value);
    if (!at) throw wrong(geo, t('place.nogeo', { text: geo.value }));
    if (!isZone(zone.value)) throw wrong(zone, t('hours.nozone', { zone: zone.value }));
    // what came from elsewhere and was not touched may be anything
    if (hours.value !== hours.defaultValue) {
      const week = weekOf(hours.value);
      if (week === null) throw wrong(hours, t('place.hours.wrong', { example: WEEK }));
      hours.value = week;
    }
    const isUsed = (one) => isThere(topic, 'places', `place/${one}`);
    // one of this name would be replaced, and nobody means that here
    if (!before && isNamed && await isUsed(slug.value)) throw wrong(slug, t('place.taken'));
    let chosen = slug.value;
    if (!isNamed) for (chosen of suggested()) if (!await isUsed(chosen)) break;
    const body = { place: chosen, name: name.value, category: category.value, geo: at, zone: zone.value };
    for (const [key, input] of Object.entries({ address, opening_hours: hours, phone, website, email })) if (input.value) body[key] = input.value;
    if (radius.value) body.radius_m = Number(radius.value);
    if (before?.source) body.source = before.source;
    if (before) await asDrawn(made, [topic, 'places', `place/${before.place}`], before, Object.keys(before), (now) => placeForm(topic, now, others));
    written(await api.send(topic, 'place.put', { body }));
  });
  slug.addEventListener('input', () => { isNamed = slug.value !== ''; });
  name.addEventListener('input', () => { if (!isNamed) slug.value = shown(); });
  made.addEventListener('restored', () => { isNamed ||= slug.value !== '' && slug.value !== shown(); });
  made.addEventListener('reset', () => setTimeout(() => { isNamed = Boolean(before); }));
  return kept(`place:${topic}:${before?.place ?? ''}`, made);
}

/** Puts numbers into the field, as if they were typed. */
function putAt(geo, lat, lon) {
  geo.value = `${lat.toFixed(5)},${lon.toFixed(5)}`;
  geo.dispatchEvent(new Event('input', { bubbles: true }));
}

/** Why the browser says nothing, by the number of its error. */
const WHY = { 1: 'place.refused', 2: 'place.unknown', 3: 'place.slow' };

/** Fills in where this machine is, where the browser knows it and its owner agrees. */
function hereButton(geo) {
  const told = h('span', { class: 'soft', role: 'status' });
  const ask = () => {
    if (!navigator.geolocation) return told.replaceChildren(t('place.unable'));
    told.replaceChildren(t('place.looking'));
    const found = ({ coords }) => {
      putAt(geo, coords.latitude, coords.longitude);
      told.replaceChildren(t('place.found', { far: Math.ceil(coords.accuracy) }));
    };
    return navigator.geolocation.getCurrentPosition(found, ({ code }) => told.replaceChildren(t(WHY[code] ?? 'place.unknown')), { enableHighAccuracy: true, timeout: 20000 });
  };
  return h('p', { class: 'row' }, h('button', { type: 'button', onclick: ask }, t('place.here')), told);
}

/** The outline map of places that are there already: a press on it says where this one is. Without any there is nothing to go by. */
function mapOf(geo, others) {
  const known = others.filter((place) => place.geo).map((place) => ({ ...place.geo, name: place.name, strong: true }));
  if (!known.length) return null;
  const box = h('div');
  const draw = () => box.replaceChildren(map(known, placeOf(geo.value), t('place.map'), ({ lat, lon }) => putAt(geo, lat / 1e7, lon / 1e7)));
  geo.addEventListener('input', draw);
  draw();
  return h('details', null, h('summary', null, t('place.map.open')), h('p', { class: 'hint' }, t('place.map.how')), box);
}

const STAGES = ['requested', 'agreed', 'confirmed', 'packed', 'out_for_delivery', 'at_location', 'started'];

/** What cancelling costs, how long things may come back, how early one must ask. */
export function policyForm(topic, before) {
  const terms = new Map((before?.cancellation_terms ?? []).map((term) => [term.stage, term]));
  const percent = STAGES.map((stage) => [stage, preset(h('input', { type: 'number', min: '0', max: '100', step: '0.01' }), terms.has(stage) ? String(terms.get(stage).fee_bp / 100) : '')]);
  const days = preset(h('input', { type: 'number', min: '0', max: '3650', step: '1' }), before?.return_terms?.window_s ? String(Math.round(before.return_terms.window_s / 86400)) : '');
  const notice = preset(h('input', { type: 'number', min: '0', max: '8000', step: '1' }), before?.notice_s ? String(Math.round(before.notice_s / 3600)) : '');
  const made = form([
    h('p', { class: 'hint' }, t('policy.how')),
    h('fieldset', null, h('legend', null, t('policy.cancel')), h('div', { class: 'facets' }, percent.map(([stage, input]) => field(word(stage), input)))),
    field(t('policy.return'), days), field(t('policy.notice'), notice),
  ], t('save'), async () => {
    const body = {};
    const all = percent.filter(([, input]) => input.value !== '').map(([stage, input]) => {
      const minor = terms.get(stage)?.fee_minor;
      return { stage, fee_bp: Math.round(Number(input.value) * 100), ...(minor ? { fee_minor: minor } : {}) };
    });
    const rest = [...terms.values()].filter((term) => !STAGES.includes(term.stage));
    if (all.length || terms.size) body.cancellation_terms = [...all, ...rest];
    if (days.value) body.return_terms = { ...(before?.return_terms ?? {}), window_s: Number(days.value) * 86400 };
    if (notice.value) body.notice_s = Number(notice.value) * 3600;
    if (!Object.keys(body).length) throw new Error(t('policy.nothing'));
    if (before) await asDrawn(made, [topic, 'space', 'space'], before, ['cancellation_terms', 'return_terms', 'notice_s'], (now) => policyForm(topic, now));
    written(await api.send(topic, 'space.policy', { body }));
  });
  return kept(`policy:${topic}`, made);
}
