// What is typed and not sent yet: kept in this browser until it is, so that who loads the page
// anew or goes back finds it. It is forgotten with the key.

import { app } from './app.js';

const place = (name) => `typed/${app.space}/${name}`;
/** What is ticked is kept where it belongs to what is typed (`data-typed`). */
const fields = (form) => [...form.querySelectorAll('input, textarea, select')].filter((field) => field.dataset.typed !== undefined || !['checkbox', 'radio', 'file', 'password'].includes(field.type));
const holds = (field) => (field.type === 'checkbox' ? String(field.checked) : field.value);
const isTouched = (field) => (field.type === 'checkbox' ? field.checked !== field.defaultChecked : field.value !== field.defaultValue);

/** Keeps what is typed into a form of a name, and puts back what was kept. Gives the form. */
export function typed(name, form) {
  const at = place(name);
  app.storage.get(at).then((kept) => {
    const all = fields(form);
    // a form of another shape is another one; who was faster than the disk goes on
    if (!Array.isArray(kept) || kept.length !== all.length || all.some((field) => isTouched(field) && field.matches('input, textarea'))) return;
    all.forEach((field, index) => {
      if (typeof kept[index] !== 'string' || kept[index] === holds(field)) return;
      // nobody writes just now: news may be shown, and this is put back then
      if (field.type === 'checkbox') field.checked = field.defaultChecked = kept[index] === 'true';
      else field.value = kept[index];
      if (field.type !== 'checkbox' && 'defaultValue' in field) field.defaultValue = field.value;
      field.dispatchEvent(new Event('input'));
      for (let fold = field.closest('details'); fold; fold = fold.parentElement.closest('details')) fold.open = true;
    });
  }).catch(() => {});
  form.addEventListener('input', ({ target }) => { if (fields(form).includes(target)) app.storage.put(at, fields(form).map(holds)).catch(() => {}); });
  // a form is reset when it was sent
  form.addEventListener('reset', () => sent(name));
  return form;
}

/** What was typed went out. */
export function sent(name) {
  app.storage.put(place(name), null).catch(() => {});
}
