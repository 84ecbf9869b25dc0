// Opening hours as they are typed, in the way of OpenStreetMap. Days and hours that people
// write here are understood a little wider, and kept as they are written there. Pure.

/** As one may write them. */
export const WEEK = 'Mo-Fr 09:00-17:00; Sa 10:00-14:00; PH off';

const DAYS = ['Mo', 'Tu', 'We', 'Th', 'Fr', 'Sa', 'Su', 'PH', 'SH'];
/** Other names of days: English in full, German. */
const NAMES = { mon: 'Mo', tue: 'Tu', wed: 'We', thu: 'Th', fri: 'Fr', sat: 'Sa', sun: 'Su', di: 'Tu', mi: 'We', do: 'Th', so: 'Su',
  montag: 'Mo', dienstag: 'Tu', mittwoch: 'We', donnerstag: 'Th', freitag: 'Fr', samstag: 'Sa', sonnabend: 'Sa', sonntag: 'Su', feiertag: 'PH', feiertags: 'PH' };

function dayOf(text) {
  const low = text.toLowerCase().replace(/\.$/, '');
  return DAYS.find((day) => day.toLowerCase() === low) ?? NAMES[low] ?? (low.endsWith('day') ? NAMES[low.slice(0, 3)] : undefined);
}

/** "9", "9:30", "09.30" as 09:30; null where it is no time of a day. */
function timeOf(text) {
  const [, hours, minutes = '00'] = /^(\d{1,2})(?:[:.](\d{2}))?$/.exec(text) ?? [];
  if (hours === undefined || Number(hours) > 24 || Number(minutes) > 59 || (Number(hours) === 24 && Number(minutes) > 0)) return null;
  return `${hours.padStart(2, '0')}:${minutes}`;
}

/** Some of a list, each read by a function; null where one of them can't be. */
function each(text, by, read) {
  const all = text.split(by).map((part) => read(part.trim()));
  return all.length && all.every(Boolean) ? all : null;
}
const range = (read) => (text) => {
  const ends = each(text, '-', read);
  return ends && ends.length <= 2 ? ends.join('-') : null;
};

/** "9-17" as 09:00-17:00. Whoever writes "9-5" may mean the afternoon: nobody guesses. */
function hoursOf(text) {
  const [from, to, more] = text.replace(/\s/g, '').split('-');
  const [begin, end] = [from, to ?? ''].map(timeOf);
  if (!begin || !end || more !== undefined || (end <= begin && /^\d+$/.test(to))) return null;
  return `${begin}-${end}`;
}

/** One rule: days, then hours or that it is closed. */
function ruleOf(text) {
  if (/^24\/7$/.test(text)) return '24/7';
  const closed = /^(.*?)\s*\b(off|closed|geschlossen|zu)$/i.exec(text);
  const hours = closed ? null : /^(.*?)\s*(\d[\d:.,\s-]*)$/.exec(text);
  const [, days, times] = closed ?? hours ?? [];
  if (days === undefined) return null;
  const named = days === '' ? '' : each(days.replace(/:$/, ''), ',', range(dayOf))?.join(',');
  const open = closed ? 'off' : each(times, ',', hoursOf)?.join(',');
  return named === undefined || !open || (closed && !named) ? null : `${named} ${open}`.trim();
}

/** What was typed, as OpenStreetMap writes it; '' for nothing, null where it can't be read. */
export function weekOf(text) {
  const plain = text.replace(/[\u2010-\u2014]/g, '-').replace(/\s*-\s*/g, '-').replace(/\b(uhr|von)\b/gi, '').replace(/(\d)-bis-|\s+(?:bis|to)\s+/gi, '$1-').trim();
  if (!plain) return '';
  return each(plain.replace(/;\s*$/, ''), ';', ruleOf)?.join('; ') ?? null;
}
