// What the pages say, in the reader's language. What people and apps say stays as it is.

import en from './words-en.js';
import de from './words-de.js';

const languages = { en, de };
const stored = () => { try { return localStorage.getItem('language'); } catch { return null; } };

const wanted = [stored(), ...navigator.languages].map((tag) => tag?.slice(0, 2));
export const language = wanted.find((tag) => tag in languages) ?? 'en';
/** How numbers and times are written: as the reader's own region does, where it speaks the language. */
export const locale = navigator.languages.find((tag) => tag.startsWith(language)) ?? language;
document.documentElement.lang = language;

/** A message; `{name}` in it stands for a value. What has none is shown by its key. */
export function t(key, values = {}) {
  const text = languages[language][key] ?? en[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** A message for a word of an app, or the word itself. */
export const word = (text) => languages[language][`word.${text}`] ?? String(text ?? '').replaceAll('_', ' ');

/** Keeps a choice, for this browser. */
export function choose(tag) {
  try { localStorage.setItem('language', tag); } catch { /* a private window forgets */ }
  location.reload();
}

export const names = Object.fromEntries(Object.entries(languages).map(([tag, it]) => [tag, it.name]));
