// What somebody types stays while a screen is drawn anew: the form goes over into the new one, as
// it is, to where its like stands there.

/** Whether something was typed into a field, or chosen. */
const differs = (field) => (field.type === 'checkbox' ? field.checked !== field.defaultChecked : field.value !== field.defaultValue);
const typedIn = (root) => [...root.querySelectorAll('input, textarea')].filter(differs);
const isTyped = (form) => form.matches('[data-dirty]') || typedIn(form).length > 0;
const formsOf = (root) => [...root.querySelectorAll('form')];

/** Whether somebody typed something that was not sent. */
export const isWritten = (root) => typedIn(root).length > 0 || root.querySelector('form[data-dirty]') !== null;

/** What a form is for: what it was made for, where it stands, and what it does. */
function called(form) {
  const card = form.closest('li, section');
  const stands = [card?.querySelector('a[href]')?.getAttribute('href'), card?.querySelector('h2, h3, h4')?.textContent];
  const folds = [];
  for (let fold = form.closest('details'); fold; fold = fold.parentElement.closest('details')) folds.push(fold.querySelector('summary')?.textContent);
  return JSON.stringify([form.dataset.of, ...stands, ...folds, form.querySelector('button.main, [type=submit]')?.textContent]);
}

/** The only form of a name; null of several: nobody knows which is meant. */
function only(root, name) {
  const [found, ...more] = formsOf(root).filter((form) => called(form) === name);
  return more.length ? null : found;
}

/**
 * Looks where the forms of a screen in which something was typed go in the next one. Gives what
 * puts them there, or nothing where something would be lost by it that no draft keeps; `done`:
 * what has no place any more may go.
 */
export function carried(screen, next, done) {
  const typed = formsOf(screen).filter(isTyped).map((form) => {
    const name = called(form);
    return { form, like: only(screen, name) && only(next, name) };
  });
  const isLost = ({ form, like }) => form.dataset.stored === undefined && (like === null || (!like && !done));
  if (typed.some(isLost) || typedIn(screen).some((field) => !field.closest('form'))) return null;
  return () => typed.forEach(({ form, like }) => like?.replaceWith(form));
}
