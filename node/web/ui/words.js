// What the pages say, in the reader's language, of which alone the words are loaded. What
// people and apps say stays as it is.

/** Each in its own tongue. */
export const names = { en: 'English', de: 'Deutsch' };
const files = { en: () => import('./words-en.js'), de: () => import('./words-de.js') };
const stored = () => { try { return localStorage.getItem('language'); } catch { return null; } };

const wanted = [stored(), ...navigator.languages].map((tag) => tag?.slice(0, 2));
export const language = wanted.find((tag) => Object.hasOwn(files, tag)) ?? 'en';
/** How numbers and times are written: as the reader's own region does, where it speaks the language. */
export const locale = navigator.languages.find((tag) => tag.startsWith(language)) ?? language;
document.documentElement.lang = language;

let said = {};
/** The words are here: nothing is said before. No `await` at the top, which some browsers do wrong where several modules wait for one. */
export const ready = files[language]().then((file) => { said = { ...file.default }; });
ready.catch(() => {});

const learning = new Map();
/** Words that only some screens need (`more`, `work`): those wait for them. */
export function learn(of) {
  if (!learning.has(of)) learning.set(of, Promise.all([import(`./${of}-${language}.js`), ready]).then(([file]) => { Object.assign(said, file.default); }, () => { learning.delete(of); }));
  return learning.get(of);
}

/** Whether there is a message of a name. */
export const has = (key) => Object.hasOwn(said, key);

/** A message; `{name}` in it stands for a value. What has none is shown by its key. */
export function t(key, values = {}) {
  return (said[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** A message for a word of an app, or the word itself. */
export const word = (text) => said[`word.${text}`] ?? String(text ?? '').replaceAll('_', ' ');

/** Keeps a choice, for this browser. */
export function choose(tag) {
  try { localStorage.setItem('language', tag); } catch { /* a private window forgets */ }
  location.reload();
}
