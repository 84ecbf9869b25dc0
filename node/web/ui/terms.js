// Words for what apps and the node say of themselves: kinds of events, fields, columns,
// refusals. Apps that come along have words in the message files; of others what their
// manifest says is shown.

import { has, language, t, word } from './words.js';

let names = {};
let loading;
/** Names of fields, tables and columns: screens that show them wait for these. */
export const loadNames = () => {
  loading ??= import(`./names-${language}.js`).then((it) => { names = it.default; }, () => { loading = undefined; });
  return loading;
};

const first = (keys, otherwise) => {
  const key = keys.find(has);
  return key ? t(key) : otherwise;
};
const nameOf = (keys, otherwise) => {
  const key = keys.find((key) => Object.hasOwn(names, key));
  return key ? names[key] : otherwise;
};

/** What an event of a kind does, as on a button. */
export const titleOf = ({ kind, title }) => first([`word.${kind}`], title || kind);
/** What happened with an event of a kind, as in a history. */
export const did = (kind, title) => (kind ? first([`did.${kind}`], title || kind) : t('did.sealed'));
/** The label of a field of a form. */
export const labelOf = (kind, { name, title }) => nameOf([`field.${kind}.${name}`, `field.${name}`], title || name);
/** The name of a field beside its value. */
export const fieldName = (kind, name) => labelOf(kind, { name, title: word(name) });
/** The name of a column. */
export const columnName = (name) => nameOf([`column.${name}`], word(name));
/** The title of a table. */
export const tableTitle = ({ name, title }) => nameOf([`table.${name}`], title || name);

/** What a topic is for. */
export const appName = ({ app }) => (app ? first([`app.${app}`], app) : t('did.sealed'));

/** Fields and columns whose values are words of the app. */
const WORDS = ['state', 'kind', 'stage', 'next', 'by', 'outcome', 'capability', 'trigger', 'role', 'price_kind', 'schema', 'dispute', 'leg', 'method'];
/** A value as it is read, where it is a word of the app. */
export const valueOf = (name, text) => (WORDS.includes(name) ? word(text) : text);

/** A hint that speaks of the command line: on a page nobody types that. */
const TYPED = /`synlog|(^|[\s(`])--[a-z]/;
/** Codes of one meaning. */
const SAME = { cannot_write: 'rejected', interests: 'store', contacts: 'store', letters: 'store', key_file: 'store' };

/** What went wrong, in the reader's words, and what to do; `said` is what the node says, where
 * that is something else. */
export function explained(error) {
  const { code, rule, message } = error;
  const key = [`rule.${rule}`, `rule.${code}`, `code.${code}`].find(has);
  const text = key ? t(key) : message;
  const of = SAME[code] ?? code;
  // nobody forces anything on a page
  const isForced = error.hint?.includes('--force');
  const told = first([`hint.${of}`, isForced && 'hint.rejected'], null);
  const isTyped = TYPED.test(error.hint ?? '');
  const hint = told ?? (isTyped ? `${t('hint.machine')} ${error.hint}` : error.hint);
  const said = text === message ? null : `${message}${rule ? ` (${rule})` : ''}`;
  return { text, hint, said };
}
