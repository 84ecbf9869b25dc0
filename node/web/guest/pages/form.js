// Forms: a label for each field, one sending at a time, and what went wrong in words.

import { h, put, fresh } from './elements.js';
import { has, t, word } from './words.js';

/** A label with a field. */
export function field(text, control, hint) {
  const id = fresh('field');
  control.id = id;
  const note = hint && h('div', { class: 'hint', id: `${id}-hint` }, hint);
  if (note) control.setAttribute('aria-describedby', `${id}-hint`);
  return h('div', null, h('label', { for: id }, text), control, note);
}

/** A box to tick, with its label. */
export function tick(text, control) {
  control.type = 'checkbox';
  return h('label', { class: 'check' }, control, text);
}

/** What there are words for, of what has none of its own: by who says it. */
function general({ status }) {
  if (status === 404) return 'not_here';
  if (status === 429) return 'too_often';
  if (status >= 500) return 'provider_failed';
  return status ? 'provider_refused' : 'page_failed';
}

/** What went wrong, in words of the reader. */
export function reason(error) {
  if (error.rule) return has(`rule.${error.rule}`) ? t(`rule.${error.rule}`) : t('rule', { code: word(error.rule) });
  if (has(`wrong.${error.code}`)) return t(`wrong.${error.code}`);
  // words of these pages
  if (error.code === undefined && error.status === undefined && error.name === 'Error') return error.message;
  return t(`wrong.${general(error)}`);
}

/** What went wrong; what the node or the browser said of it in English stands behind that. */
export function problem(error) {
  const said = error.rule || has(`wrong.${error.code}`) || reason(error) === error.message ? null : [error.code, error.message].filter(Boolean).join(': ');
  return h('div', { class: 'problem', role: 'alert' },
    h('strong', null, t('problem')), h('p', null, reason(error)), said && h('details', null, h('summary', null, t('details')), h('p', { lang: 'en' }, said)));
}

/** A form that does something, tells what went wrong, and is not sent twice. */
export function form(children, label, act, beside = []) {
  const told = h('div');
  const button = h('button', { class: 'main', type: 'submit' }, label);
  const made = h('form', {
    onsubmit: async (event) => {
      event.preventDefault();
      if (made.dataset.busy || blank(made)) return;
      made.dataset.busy = 'yes';
      button.disabled = true;
      told.replaceChildren();
      try {
        const shown = await act(made);
        delete made.dataset.busy;
        if (shown !== false) { made.reset(); made.closest('details')?.removeAttribute('open'); }
        // what is shown next is made after the form is closed: an open one stays open
        if (typeof shown === 'function') shown();
      } catch (error) {
        put(told, problem(error));
        told.scrollIntoView?.({ block: 'nearest' });
      } finally {
        delete made.dataset.busy;
        button.disabled = false;
      }
    },
  }, children, told, h('p', { class: 'row' }, button, beside));
  // what is wrong in a fold is shown: a field that can't be seen stops the form without a word
  made.addEventListener('invalid', ({ target }) => {
    for (let fold = target.closest('details'); fold; fold = fold.parentElement.closest('details')) fold.open = true;
  }, true);
  return made;
}

/** Whether something that is required has nothing but blanks in it; the reader is shown where. */
function blank(made) {
  const empty = [...made.querySelectorAll('input[required], textarea[required]')].find((control) => control.type !== 'checkbox' && control.type !== 'radio' && !control.value.trim());
  if (!empty) return false;
  empty.setCustomValidity(t('wrong.blank'));
  empty.addEventListener('input', () => empty.setCustomValidity(''), { once: true });
  empty.reportValidity();
  return true;
}

/** "12.50" as minor units of a currency; undefined where nothing is said. */
export function minor(text, currency) {
  if (!text.trim()) return undefined;
  const places = new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits;
  const [whole, fraction = ''] = text.trim().replace(',', '.').split('.');
  if (!/^\d+$/.test(whole) || !/^\d*$/.test(fraction) || fraction.length > places) throw new Error(t('wrong.amount', { text }));
  return Number(whole + fraction.padEnd(places, '0'));
}

/** Bytes as the core takes them. */
export const bytes = (digits) => ({ $hex: digits });
