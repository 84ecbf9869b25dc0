// The history of a topic: what happened, who signed it, what became of it.

import { h, pairs } from './elements.js';
import { t, word } from './words.js';
import { api, heading, to } from './app.js';
import { instant, short } from './format.js';
import { appName, did } from './terms.js';
import { fields } from './timeline.js';

/** The topics, or the history of one. */
export async function audit({ topics, parts: [chosen] }) {
  const pick = h('ul', { class: 'cards' }, topics.map((topic) => h('li', { class: 'card' },
    h('h2', { class: 'name' }, h('a', { href: to('audit', topic.topic) }, topic.name ?? short(topic.topic))),
    h('p', { class: 'soft' }, `${appName(topic)} · ${topic.entries} ${t('entries')}`))));
  if (!chosen) return [heading(t('audit')), h('p', null, t('audit.pick')), topics.length ? pick : h('p', null, t('none'))];
  const told = await api.get(`/topics/${encodeURIComponent(chosen)}/audit`);
  const names = new Map(told.parties.flatMap((party) => party.devices.map((device) => [device.device, `${device.name} (${party.role ? word(party.role) : '?'})`])));
  return [
    heading(`${t('audit')}: ${told.name ?? short(chosen)}`),
    h('p', null, t('audit.intro')),
    pairs([[t('audit.parties'), told.parties.map((party) => `${short(party.entity)} ${party.role ? word(party.role) : ''}`).join(', ')],
      [t('audit.digest'), told.rows_digest && h('code', null, told.rows_digest.sequenced)], ['', told.problem]]),
    h('ol', { class: 'timeline' }, told.events.map((event) => one(event, names))),
  ];
}

const SIGNS = { accepted: ['●', 'sequenced', 'good'], tentative: ['○', 'tentative', 'warn'], rejected: ['✗', 'rejected', 'bad'], void: ['–', 'void', 'soft'], held: ['?', 'held', 'warn'] };

function one(event, names) {
  const outcome = event.tentative && event.outcome === 'accepted' ? 'tentative' : event.outcome;
  const [sign, meaning, tone] = SIGNS[outcome] ?? SIGNS.held;
  const body = fields(event.kind, event.body);
  return h('li', { class: meaning },
    h('span', { class: `mark ${tone}`, role: 'img', 'aria-label': t(`mark.${meaning}`), title: t(`mark.${meaning}`) }, sign),
    h('div', null, h('div', { class: 'row' }, h('strong', { class: 'what' }, did(event.kind, event.title)),
      h('span', { class: 'soft' }, names.get(event.device) ?? short(event.device)),
      h('span', { class: 'soft' }, instant(event.time)),
      h('a', { href: to('entry', event.id) }, h('code', null, short(event.id))),
      event.code && h('span', { class: 'badge bad' }, t('rejected.by', { code: event.code }))),
    body.length > 0 && h('details', null, h('summary', null, t('details')), pairs([...body, [t('kind.code'), h('code', null, event.kind)]]))));
}
