// What the pages say, in the reader's language. What people and apps say stays as it is. Only
// the messages of that language are loaded.

export const names = { en: 'English', de: 'Deutsch' };
const stored = () => { try { return localStorage.getItem('language'); } catch { return null; } };

const wanted = [stored(), ...navigator.languages].map((tag) => tag?.slice(0, 2));
export const language = wanted.find((tag) => Object.hasOwn(names, tag)) ?? 'en';
/** How numbers and times are written: as the reader's own region does, where it speaks the language. */
export const locale = navigator.languages.find((tag) => tag.startsWith(language)) ?? language;
document.documentElement.lang = language;

const load = async (tag) => (await import(`/words-${tag}.js`)).default;
const messages = await load(language).catch(() => load('en'));

/** Whether there is a message of a name. */
export const has = (key) => Object.hasOwn(messages, key);

/** A message; `{name}` in it stands for a value. What has none is shown by its key. */
export function t(key, values = {}) {
  const text = has(key) ? messages[key] : key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** A message for a word of an app, or the word itself. */
export const word = (text) => (has(`word.${text}`) ? messages[`word.${text}`] : String(text ?? '').replaceAll('_', ' '));

/** Keeps a choice, for this browser. */
export function choose(tag) {
  try { localStorage.setItem('language', tag); } catch { /* a private window forgets */ }
  location.reload();
}
