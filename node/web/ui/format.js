// Values of apps as people read them: money, instants, ids.

import { locale } from './words.js';

/** Hexadecimal digits of bytes, or of what is one already. */
export const digits = (value) => {
  const text = value && typeof value === 'object' ? value.$hex : value;
  return typeof text === 'string' ? text : '';
};
/** The front of an id. */
export const short = (value) => digits(value).slice(0, 10);

/** An amount in minor units. */
export function money(minor, currency) {
  // what people wrote may be anything
  if (typeof minor !== 'number' || typeof currency !== 'string') return typeof minor === 'number' ? String(minor) : '';
  try {
    const format = new Intl.NumberFormat(locale, { style: 'currency', currency });
    const places = format.resolvedOptions().maximumFractionDigits;
    return format.format(minor / 10 ** places);
  } catch {
    return `${minor} ${currency}`;
  }
}

/** Decimal places of a currency. */
export function places(currency) {
  try {
    return new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits;
  } catch {
    return 2;
  }
}

/** "12.50" or "12,50" as minor units of a currency; null where it is no amount. */
export function minorOf(text, currency) {
  const sign = /^\s*-/.test(text) ? -1 : 1;
  const [whole, fraction = '', more] = text.trim().replace(/^-/, '').replace(',', '.').split('.');
  const most = places(currency);
  if (more !== undefined || !/^\d{1,12}$/.test(whole) || !/^\d*$/.test(fraction) || fraction.length > most) return null;
  return sign * Number(whole + fraction.padEnd(most, '0'));
}

/** A price as one may type it, for those whose price could not be read. */
export const example = (currency) => new Intl.NumberFormat(locale, { minimumFractionDigits: places(currency), maximumFractionDigits: places(currency), useGrouping: false }).format(places(currency) ? 3.5 : 350);

/** What stands before the cents where the reader lives; either is read. */
export const decimalMark = () => (new Intl.NumberFormat(locale).formatToParts(1.5).find(({ type }) => type === 'decimal')?.value === ',' ? ',' : '.');

/** Minor units as they are typed. */
export function typed(minor, currency, mark = '.') {
  const most = places(currency);
  return typeof minor === 'number' ? (minor / 10 ** most).toFixed(most).replace('.', mark) : '';
}

/** Minor units of a column, whether it is money or a number. */
export const units = (value) => (value && typeof value === 'object' ? value.minor : value) ?? 0;

/** {currency, minor}, or minor units of a currency that stands beside. */
export const amount = (value, currency) =>
  value && typeof value === 'object' ? money(value.minor, value.currency) : money(value, currency);

// made when the first is written: that takes a while, and a page is read before
let instants;
/** UTC milliseconds or RFC 3339, in the reader's zone. */
export function instant(value) {
  const date = new Date(value);
  return value === null || value === undefined || Number.isNaN(date.getTime()) ? '' : (instants ??= new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' })).format(date);
}

/** Seconds of the longer units of time, the longest first. */
const LONGER = [['day', 86400], ['hour', 3600], ['minute', 60]];
/** So many of a unit of time, one or several. */
export const ofUnit = (n, unit) => new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'long' }).format(n);
/** Seconds in the unit that fits: 3 days, 90 minutes. */
export function lasting(seconds) {
  const [unit, of] = LONGER.find(([, of]) => seconds >= of && seconds % of === 0) ?? ['second', 1];
  return ofUnit(seconds / of, unit);
}

/** Any value of a column of a type. */
export function shown(value, type, currency) {
  if (value === null || value === undefined) return '';
  if (type === 'money') return amount(value, currency);
  if (type === 'instant') return instant(value);
  if (type === 'duration') return lasting(value);
  if (typeof value === 'object' && typeof value.$hex === 'string') return short(value);
  if (Array.isArray(value)) return value.map((item) => shown(item, '', currency)).join(', ');
  if (typeof value === 'object') {
    if (typeof value.minor === 'number' && typeof value.currency === 'string') return amount(value);
    return Object.entries(value).map(([key, item]) => `${key}: ${shown(item, '', currency)}`).join(', ');
  }
  return String(value);
}

/** The mark of an entry, as on the command line, with what it means. */
export function mark(entry) {
  if (entry.rejected) return ['✗', 'rejected', 'bad'];
  const accepted = entry.verdict === 'accepted';
  if (entry.status === 'void') return ['–', 'void', 'soft'];
  if (entry.status === 'held') return ['?', 'held', 'warn'];
  if (!accepted && entry.verdict === 'sealed') return ['?', 'held', 'soft'];
  if (!accepted && entry.verdict) return ['✗', 'rejected', 'bad'];
  if (entry.status === 'tentative') return ['○', 'tentative', 'warn'];
  return ['●', 'sequenced', 'good'];
}
