// More about a provider, for who unfolds it: places, hours, ways to pay, terms.

import { h } from './elements.js';
import { locale, t, word } from './words.js';
import { told } from './clock.js';
import { terms } from './offer.js';

/** A day of the week, 0 is Monday, in the reader's language. */
const day = (number) => new Intl.DateTimeFormat(locale, { weekday: 'short', timeZone: 'UTC' }).format(new Date((4 + number) * 86400000));
const two = (number) => String(number).padStart(2, '0');
const hour = (seconds) => `${two(Math.floor(seconds / 3600) % 24)}:${two(Math.floor(seconds / 60) % 60)}`;

const DAYS = ['Mo', 'Tu', 'We', 'Th', 'Fr', 'Sa', 'Su'];

/** Opening hours as they are written in OpenStreetMap, with the reader's days. */
export const opening = (text) => String(text).replace(/\b(Mo|Tu|We|Th|Fr|Sa|Su)\b/g, (name) => day(DAYS.indexOf(name)))
  .replace(/\bPH\b/g, t('hours.holidays')).replace(/\b(off|closed)\b/g, t('hours.off')).replaceAll(';', ' ·');

/** Days that follow each other as from and to. */
function days(all) {
  const sorted = [...all].sort((a, b) => a - b);
  const isRow = sorted.length > 2 && sorted.every((it, at) => at === 0 || it === sorted[at - 1] + 1);
  return isRow ? `${day(sorted[0])}–${day(sorted.at(-1))}` : sorted.map(day).join(', ');
}

/** What stands in the fold. */
export function about(profile, places, resources) {
  const hours = resources.filter(({ columns }) => columns.rules?.length);
  const of = ({ columns }) => [columns.name, columns.address, columns.opening_hours && opening(columns.opening_hours), columns.phone, columns.website];
  return [
    places.map((place) => h('p', null, of(place).filter(Boolean).join(' · '))),
    hours.map(({ columns }) => h('p', null, `${columns.title}: `, columns.rules.map((rule) => `${days(rule.days)} ${hour(rule.from_s)}–${hour(rule.to_s)}`).join('; '))),
    (hours.length > 0 || places.some(({ columns }) => columns.opening_hours)) && told() && h('p', { class: 'soft' }, told()),
    profile.payment_types?.length > 0 && h('p', null, t('about.pay'), ' ', profile.payment_types.map(word).join(', ')),
    profile.cancellation_terms?.length > 0 && [h('p', null, t('about.terms')), h('ul', null, terms(profile.cancellation_terms, profile.currency))],
    places.length + hours.length + (profile.payment_types?.length ?? 0) + (profile.cancellation_terms?.length ?? 0) === 0 && h('p', { class: 'soft' }, t('none')),
  ];
}
