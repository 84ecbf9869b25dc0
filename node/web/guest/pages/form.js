// Forms: a label for each field, one sending at a time, and what went wrong in words.

import { h, put, fresh } from './elements.js';
import { t, word } from './words.js';

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
  return h('label', { class: 'row' }, control, text);
}

/** What went wrong, in words of the reader where there are some. */
export function reason(error) {
  const rule = error.rule && t(`rule.${error.rule}`) !== `rule.${error.rule}` ? t(`rule.${error.rule}`) : error.rule && word(error.rule);
  const known = t(`wrong.${error.code}`);
  return rule || (known === `wrong.${error.code}` ? error.message : known);
}

/** What went wrong, with what can be done. */
export function problem(error) {
  // hints come from the provider's node, in English: not beside words of ours
  const hint = reason(error) === error.message && error.hint;
  return h('div', { class: 'problem', role: 'alert' },
    h('strong', null, t('problem')), h('p', null, reason(error)), hint && h('p', { class: 'hint' }, hint));
}

/** A form that does something, tells what went wrong, and is not sent twice. */
export function form(children, label, act) {
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
  }, children, told, h('p', null, button));
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
