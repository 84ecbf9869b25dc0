// Entries with their marks: ● sequenced, ○ tentative, ✗ rejected, – void, ? held.

import { h, pairs } from './elements.js';
import { t, word } from './words.js';
import { entity, to } from './app.js';
import { instant, mark, shown } from './format.js';
import { did, fieldName, valueOf } from './terms.js';

/** One entry, on one item of a list. */
export function line(entry) {
  const [sign, meaning, tone] = mark(entry);
  const code = entry.rejected ?? (meaning === 'rejected' ? entry.verdict : null);
  const said = [entry.body, entry.erasable].flatMap((part) => fields(entry.kind, part));
  return h('li', { class: meaning },
    h('span', { class: `mark ${tone}`, role: 'img', 'aria-label': t(`mark.${meaning}`), title: t(`mark.${meaning}`) }, sign),
    h('div', null,
      h('div', { class: 'row' },
        h('strong', { class: 'what' }, did(entry.kind), entry.kind === 'fulfil.state' && entry.body?.state ? `: ${word(entry.body.state)}` : ''),
        h('span', { class: 'soft' }, entry.entity === entity() ? `${t('chat.you')} (${entry.device_name ?? '?'})` : `${entry.device_name ?? '?'}@${(entry.entity ?? '?').slice(0, 6)}`),
        h('time', { class: 'soft', datetime: entry.time }, instant(entry.time)),
        h('a', { href: to('entry', entry.id) }, h('code', null, entry.id.slice(0, 10))),
        meaning === 'tentative' && h('span', { class: 'badge warn' }, t('tentative')),
        code && h('span', { class: 'badge bad' }, t('rejected.by', { code }))),
      said.length > 0 && h('details', null, h('summary', null, t('details')), pairs([...said, [t('kind.code'), h('code', null, entry.kind)]]))));
}

/** Milliseconds of 2001: a whole number from there on is a time. */
const TIMES = 1e12;
const typeOf = (name, value) => (!Number.isInteger(value) ? undefined : name.endsWith('_s') ? 'duration' : value >= TIMES ? 'instant' : undefined);
/** A value in words; what has parts is told by their names. */
function told(kind, name, value) {
  if (Array.isArray(value)) return value.map((one) => told(kind, name, one)).join('; ');
  const hasParts = value && typeof value === 'object' && typeof value.$hex !== 'string' && typeof value.minor !== 'number';
  if (hasParts) return Object.entries(value).map(([key, one]) => `${fieldName(kind, key)}: ${told(kind, key, one)}`).join(', ');
  return valueOf(name, shown(value, typeOf(name, value)));
}

/** What an event says, by the names that people have for its fields. */
export const fields = (kind, part) => Object.entries(part ?? {}).map(([name, value]) => [fieldName(kind, name), told(kind, name, value)]);

/** Entries as a list. */
export const timeline = (entries) => h('ol', { class: 'timeline' }, entries.map(line));
