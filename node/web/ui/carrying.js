// What somebody types stays while a screen is drawn anew: the form goes over into the new one, as
// it is, to where its like stands there.

/** Whether something was typed into a field, or chosen. */
const differs = (field) => (field.type === 'checkbox' ? field.checked !== field.defaultChecked : field.value !== field.defaultValue);
const typedIn = (root) => [...root.querySelectorAll('input, textarea')].filter(differs);
const isTyped = (form) => form.matches('[data-dirty]') || typedIn(form).length > 0;
const formsOf = (root) => [...root.querySelectorAll('form')];
/** Whether it says what went wrong: on a new screen that would be gone before it is read. */
const isRefused = (form) => form.querySelector('[role=alert]') !== null;

/** Whether somebody typed something that was not sent. */
export const isWritten = (root) => typedIn(root).length > 0 || root.querySelector('form[data-dirty]') !== null;

/** What can be opened, by what it says and which of those it is. */
export function folds(root) {
  const seen = new Map();
  return [...root.querySelectorAll('details > summary')].map((summary) => {
    const number = (seen.get(summary.textContent) ?? 0) + 1;
    seen.set(summary.textContent, number);
    return { name: `${summary.textContent} ${number}`, details: summary.parentElement };
  });
}

/** Makes in the next screen what was made in this one when it was opened. */
function unfold(screen, next) {
  const made = new Set(folds(screen).filter(({ details }) => details.children.length > 1).map(({ name }) => name));
  for (const { name, details } of folds(next)) if (made.has(name)) details.fill?.();
}

/** What a form is for: what it was made for, where it stands, and what it does. */
function called(form) {
  const card = form.closest('li, section');
  const stands = [card?.querySelector('a[href]')?.getAttribute('href'), card?.querySelector('h2, h3, h4')?.textContent];
  const within = [];
  for (let fold = form.closest('details'); fold; fold = fold.parentElement.closest('details')) within.push(fold.querySelector('summary')?.textContent);
  return JSON.stringify([form.dataset.of, ...stands, ...within, form.querySelector('button.main, [type=submit]')?.textContent]);
}

/** The only form of a name; null of several: nobody knows which is meant. */
function only(root, name) {
  const [found, ...more] = formsOf(root).filter((form) => called(form) === name);
  return more.length ? null : found;
}

/**
 * Looks where the forms of a screen in which something was typed, or that say what went wrong, go
 * in the next one. Gives what puts them there, or nothing where something would be lost by it that no draft keeps; `done`:
 * what has no place any more may go.
 */
export function carried(screen, next, done) {
  unfold(screen, next);
  const kept = formsOf(screen).filter((form) => isTyped(form) || isRefused(form)).map((form) => {
    const name = called(form);
    return { form, like: only(screen, name) && only(next, name) };
  });
  const isLost = ({ form, like }) => isTyped(form) && form.dataset.stored === undefined && (like === null || (!like && !done));
  if (kept.some(isLost) || typedIn(screen).some((field) => !field.closest('form'))) return null;
  return () => kept.forEach(({ form, like }) => like?.replaceWith(form));
}
