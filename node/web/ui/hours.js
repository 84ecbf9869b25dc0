// What can be booked and when: hours of the week by the clock of the place.

import { h, put } from './elements.js';
import { t } from './words.js';
import { api, heading, to } from './app.js';
import { asDrawn, field, form, kept, preset, touched, written, wrong } from './forms.js';
import { ownResources } from './takes.js';
import { isThere } from './slugs.js';
import { dayName, fromField, here, isZone, toField } from './zones.js';

/** 5 January 1970 was a Monday. */
const monday = 4;
const dayNames = () => Array.from({ length: 7 }, (_, at) => dayName(monday + at, { weekday: 'long' }));

/** All resources, and one in its editor. */
export async function hours(context) {
  const { parts: [space, slug] } = context;
  const { spaces, resources } = await ownResources(context);
  const resource = resources.find((it) => it.space === space && it.resource === slug);
  // a new one keeps the clock of the shop, wherever its owner sits, and begins with its notice
  const about = new Map(await Promise.all(spaces.map(async ({ topic }) => [topic, (await api.rows(topic, 'space')).rows[0]?.columns ?? {}])));
  const link = (it) => h('li', null, h('a', { href: to('hours', it.space, it.resource), 'aria-current': it === resource ? 'true' : null }, it.title));
  return [
    heading(t('hours')),
    h('p', null, h('a', { href: to('calendar') }, t('calendar'))),
    h('p', { class: 'hint' }, t('hours.for'), ' ', h('a', { href: to('catalog') }, t('catalog'))),
    resources.length > 0 && h('nav', { 'aria-label': t('hours.which') }, h('ul', null, resources.map(link))),
    resource && [h('h2', null, resource.title), week(resource), exceptions(resource),
      h('details', { class: 'card' }, h('summary', null, t('hours.terms')), terms(spaces, resource, about))],
    spaces.length === 0 && h('p', null, t('catalog.none')),
    spaces.length > 0 && h('details', { class: 'card', open: resources.length === 0 }, h('summary', null, t('hours.add')), terms(spaces, null, about)),
  ];
}

function terms(spaces, resource, about) {
  const begins = (topic) => ({ zone: about.get(topic)?.zone ?? here(), notice: String(Math.round((about.get(topic)?.notice_s ?? 0) / 3600)) });
  const first = begins(spaces[0].topic);
  const space = h('select', null, spaces.map((it) => h('option', { value: it.topic }, it.name)));
  const title = preset(h('input', { required: true, maxlength: '200' }), resource?.title);
  const slug = h('input', { required: true, pattern: '[a-z0-9][a-z0-9._\\-]*', autocomplete: 'off' });
  const zone = preset(h('input', { required: true, autocomplete: 'off' }), resource?.zone ?? first.zone);
  const number = (value, most) => preset(h('input', { type: 'number', min: '0', max: String(most), step: '1', required: true }), String(value));
  const capacity = number(resource?.capacity ?? 1, 10000);
  const buffer = number(Math.round((resource?.buffer_s ?? 0) / 60), 10080);
  const notice = number(resource ? Math.round((resource.notice_s ?? 0) / 3600) : first.notice, 8784);
  // another space, another beginning; what was typed stays
  space.addEventListener('change', () => {
    const other = begins(space.value);
    for (const [input, value] of [[zone, other.zone], [notice, other.notice]]) if (input.value === input.defaultValue) preset(input, value);
  });
  const made = form([
    !resource && spaces.length > 1 && field(t('space'), space),
    !resource && field(t('item.slug'), slug),
    field(t('item.title'), title), field(t('hours.zone'), zone, t('hours.zone.hint')),
    field(t('hours.capacity'), capacity), field(t('hours.buffer'), buffer), field(t('hours.notice'), notice),
  ], t('save'), async () => {
    if (!isZone(zone.value)) throw new Error(t('hours.nozone', { zone: zone.value }));
    const body = { resource: resource?.resource ?? slug.value, title: title.value, zone: zone.value, capacity: Number(capacity.value),
      buffer_s: Number(buffer.value) * 60, notice_s: Number(notice.value) * 3600 };
    const of = resource?.space ?? space.value;
    // one of this name would be replaced, and nobody means that here
    if (!resource && await isThere(of, 'resources', `resource/${body.resource}`)) throw wrong(slug, t('hours.taken'));
    if (resource) await asDrawn(made, placeOf(resource), resource, ['title', 'zone', 'capacity', 'buffer_s', 'notice_s'], (now) => terms(spaces, { ...now, space: of }, about));
    written(await api.send(of, 'resource.put', { body }).catch((error) => { throw error.rule === 'slot_taken' ? wrong(capacity, t('hours.seats.booked')) : error; }));
    location.hash = to('hours', of, body.resource);
  });
  return kept(`resource:${resource?.space ?? ''}:${resource?.resource ?? ''}`, made);
}

/** Where its row is. */
const placeOf = (resource) => [resource.space, 'resources', `resource/${resource.resource}`];

/** A resource as it is now: rules and exceptions are written together, and each form changes its own alone. */
async function asItIs(resource) {
  const [space, table, key] = placeOf(resource);
  const { rows: [row] } = await api.get(`/topics/${space}/rows/${table}/${encodeURIComponent(key)}`);
  const { rules, except } = row?.columns ?? resource;
  return { rules: rules ?? [], except: except ?? [] };
}
const putHours = async ({ space, resource }, { rules, except }) => written(await api.send(space, 'availability.put', { body: { resource, rules, except } }));

const DAY_S = 86400;
const asTime = (seconds) => `${String(Math.floor((seconds % DAY_S) / 3600)).padStart(2, '0')}:${String(Math.floor((seconds % 3600) / 60)).padStart(2, '0')}`;
const asSeconds = (text) => text.split(':').reduce((sum, part, at) => sum + Number(part) * [3600, 60, 1][at], 0);

/** Stretches of the week, one for each day that a rule names. */
function stretches(rules) {
  return (rules ?? []).flatMap((rule) => (rule.since || rule.until ? [] : rule.days.map((day) => ({ day, from: rule.from_s, to: rule.to_s }))));
}

/** Rules of stretches: days with the same hours are one. */
export function rulesOf(all) {
  const rules = new Map();
  for (const { day, from, to: end } of all) {
    const key = `${from}-${end}`;
    if (!rules.has(key)) rules.set(key, { days: [], from_s: from, to_s: end });
    if (!rules.get(key).days.includes(day)) rules.get(key).days.push(day);
  }
  return [...rules.values()].map((rule) => ({ ...rule, days: rule.days.sort() }));
}

/** Stretches of a day as its fields show them. */
const asShown = (all, day) => all.filter((it) => it.day === day).map((it) => `${asTime(it.from)}-${asTime(it.to)}`).sort().join(' ');
const isDated = (rule) => rule.since || rule.until;

function week(resource) {
  const names = dayNames();
  let known = stretches(resource.rules);
  // a rule of certain dates is kept as it is
  const dated = (resource.rules ?? []).filter(isDated);
  const days = names.map((name, day) => {
    const rows = h('div');
    const add = (from, to_s) => {
      const time = (value, label) => preset(h('input', { type: 'time', required: true, 'aria-label': `${name}: ${label}` }), value);
      const row = h('p', { class: 'row times' }, time(from, t('hours.from')), '–', time(to_s, t('hours.to')),
        h('button', { type: 'button', 'aria-label': `${name}: ${t('remove')}`, onclick: () => { row.remove(); touched(rows); } }, '×'));
      rows.append(row);
    };
    known.filter((it) => it.day === day).forEach((it) => add(asTime(it.from), asTime(it.to)));
    return { rows, line: h('fieldset', { class: 'day' }, h('legend', null, name), rows,
      h('button', { type: 'button', onclick: () => { add('09:00', '17:00'); touched(rows); }, 'aria-label': `${name}: ${t('hours.more')}` }, t('hours.more'))) };
  });
  const typed = () => days.flatMap(({ rows }, day) => [...rows.querySelectorAll('p')].map((row) => {
    const [from, end] = [...row.querySelectorAll('input')].map((input) => asSeconds(input.value));
    // midnight is where the day ends
    return { day, from, to: end || DAY_S };
  }));
  return form([h('p', { class: 'hint' }, t('hours.clock', { zone: resource.zone })), h('div', { class: 'cards' }, days.map((it) => it.line)),
    dated.length > 0 && h('p', { class: 'hint' }, t('hours.dated', { n: dated.length }))], t('hours.save'), async () => {
    const { rules, except } = await asItIs(resource);
    const [mine, theirs] = [typed(), stretches(rules)];
    const isMine = names.map((_, day) => asShown(mine, day) !== asShown(known, day));
    // a day that was changed here and elsewhere is not decided by who comes last
    const both = names.filter((_, day) => isMine[day] && ![asShown(known, day), asShown(mine, day)].includes(asShown(theirs, day)));
    if (both.length) {
      const told = both.map((name) => `${name} ${asShown(theirs, names.indexOf(name)) || '–'}`);
      known = [...known.filter((it) => !both.includes(names[it.day])), ...theirs.filter((it) => both.includes(names[it.day]))];
      throw new Error(t('hours.both', { days: told.join(', ') }));
    }
    const all = names.flatMap((_, day) => (isMine[day] ? mine : theirs).filter((it) => it.day === day));
    await putHours(resource, { rules: [...rulesOf(all), ...rules.filter(isDated)], except });
    // what is typed into another form may keep the screen as it is
    known = mine;
    for (const { rows } of days) for (const input of rows.querySelectorAll('input')) input.defaultValue = input.value;
  });
}

function exceptions(resource) {
  const box = h('div');
  const [start, end] = [0, 1].map(() => h('input', { type: 'datetime-local', required: true }));
  const shown = (ms) => toField(ms, resource.zone).replace('T', ' ');
  // what is over is left out the next time
  const ahead = (all) => (all ?? []).filter((it) => it.end > Date.now());
  const change = async (how) => {
    const { rules, except } = await asItIs(resource);
    const now = how(ahead(except));
    await putHours(resource, { rules, except: now });
    // the screen itself waits where hours of the week are being typed
    draw(now);
  };
  const draw = (all) => {
    const remove = (it) => form([], t('remove'), () => change((now) => now.filter(({ start, end }) => start !== it.start || end !== it.end)));
    put(box, all.length > 0 && h('ul', null, all.map((it) => h('li', { class: 'row' }, `${shown(it.start)} – ${shown(it.end)}`, remove(it)))));
  };
  draw(ahead(resource.except));
  return h('section', null, h('h3', null, t('hours.except')), box,
    h('details', null, h('summary', null, t('hours.except.add')), form([
      field(t('calendar.start', { zone: resource.zone }), start), field(t('calendar.end', { zone: resource.zone }), end)], t('save'), async () => {
      const one = { start: fromField(start.value, resource.zone), end: fromField(end.value, resource.zone) };
      if (!(one.start < one.end)) throw new Error(t('hours.order'));
      await change((now) => [...now, one]);
    })));
}
