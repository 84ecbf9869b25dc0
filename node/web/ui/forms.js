// Forms for the commands of apps, from their manifests: a new app needs none of its own.

import { h, put, fresh } from './elements.js';
import { has, t } from './words.js';
import { api, problem, refresh, say } from './app.js';
import { example, minorOf, typed } from './format.js';
import { did, labelOf, titleOf } from './terms.js';

const hints = {
  money: '12.50 EUR', duration: '90m, 2h, 3d', geo: '60.1699,24.9384', entry: '5f0c1e…', entity: '5f0c1e…',
  id: '64 × 0-9a-f', bytes: '0-9a-f', list: 'key=value,key=value', map: 'key=value,key=value',
};

/** A label with a field. */
export function field(text, control, hint) {
  const id = fresh('field');
  control.id = id;
  const note = hint && h('div', { class: 'hint', id: `${id}-hint` }, hint);
  if (note) control.setAttribute('aria-describedby', `${id}-hint`);
  return h('div', null, h('label', { for: id }, text), control, note);
}

function control(of) {
  const required = of.required && !of.made;
  const common = { name: of.name, required };
  switch (of.type) {
    case 'bool': return h('select', common, [['', ''], ['true', t('yes')], ['false', t('no')]].map(([value, text]) => h('option', { value }, text)));
    case 'int': return h('input', { ...common, type: 'number', step: '1', inputmode: 'numeric' });
    case 'instant': return h('input', { ...common, type: 'datetime-local' });
    case 'list': case 'map': return h('textarea', common);
    case 'blob': case 'blobs': return h('input', { ...common, type: 'file', accept: 'image/jpeg,image/png,image/webp,image/avif', multiple: of.type === 'blobs' });
    default: return h('input', { ...common, autocomplete: 'off' });
  }
}

/** Ids and secrets as they are read aloud or shown in groups: without the blanks. */
export const joined = (text) => {
  const close = text.replace(/[\s-]+/g, '');
  return /^[0-9a-f]+$/i.test(close) ? close.toLowerCase() : text.trim();
};

/** What a field says, as the API takes it; undefined where it says nothing. */
async function said(of, element, topic) {
  if (of.type === 'blob' || of.type === 'blobs') {
    const stored = [];
    for (const file of element.files) stored.push((await api.upload(file, topic)).reference);
    if (!stored.length) return undefined;
    return of.type === 'blob' ? stored[0] : stored;
  }
  const text = element.value.trim();
  if (!text) return undefined;
  if (of.type === 'money') {
    const [, price, currency] = /^(.*\S)\s+(\S+)$/.exec(text) ?? [];
    const minor = currency ? minorOf(price, currency) : null;
    if (minor === null) throw wrong(element, t('price.wrong', { example: `${example('EUR')} EUR` }));
    // units of a ledger are what it says
    return /^[A-Z]{3}$/i.test(currency) ? `${typed(minor, currency)} ${currency.toUpperCase()}` : text;
  }
  if (of.type === 'int') return Number(text);
  if (of.type === 'bool') return text === 'true';
  if (of.type === 'instant') return new Date(text).getTime();
  if (['entry', 'entity', 'id', 'bytes'].includes(of.type)) return joined(text);
  return text;
}

/** Puts a value at a path with dots. */
export function putAt(body, path, value) {
  const keys = path.split('.');
  const end = keys.pop();
  let at = body;
  for (const key of keys) {
    // a field may have any name, also one that all objects have
    if (!Object.hasOwn(at, key)) Object.defineProperty(at, key, { value: {}, enumerable: true, writable: true, configurable: true });
    at = at[key];
  }
  at[end] = value;
}

/** What is wrong with what stands in one field: it is said there. */
export const wrong = (control, text) => Object.assign(new Error(text), { control });

/** Says at a field what is wrong with it, until it is another one. */
function point({ control, message }) {
  const note = h('p', { class: 'bad', role: 'alert', id: fresh('wrong') }, message);
  const before = control.getAttribute('aria-describedby');
  control.after(note);
  control.setAttribute('aria-invalid', 'true');
  control.setAttribute('aria-describedby', [before, note.id].filter(Boolean).join(' '));
  const over = () => {
    note.remove();
    control.removeAttribute('aria-invalid');
    if (before) control.setAttribute('aria-describedby', before);
    else control.removeAttribute('aria-describedby');
    for (const name of ['input', 'again']) control.removeEventListener(name, over);
  };
  for (const name of ['input', 'again']) control.addEventListener(name, over);
  // what is folded away can't be written into
  control.closest('details')?.setAttribute('open', '');
  control.focus();
}

/** What must be filled in and holds nothing but blanks, which a browser takes for text. */
const blank = (made) => [...made.querySelectorAll('input[required], textarea[required]')]
  .find((field) => !['password', 'file'].includes(field.type) && field.checkVisibility() && !field.value.trim());

/** Says that rows of a form came or went: that is written, too, and stays when there is news. */
export const touched = (element) => {
  const made = element.closest('form');
  if (made) made.dataset.dirty = 'yes';
  element.dispatchEvent(new Event('input', { bubbles: true }));
};

/** A form that does something, tells what went wrong, and is not sent twice. */
export function form(children, label, act) {
  const told = h('div');
  const button = h('button', { class: 'main', type: 'submit' }, label);
  const made = h('form', {
    onsubmit: async (event) => {
      event.preventDefault();
      const empty = blank(made);
      if (empty) {
        put(told, problem(new Error(t('blank'))));
        empty.focus();
        return;
      }
      button.disabled = true;
      made.dataset.busy = 'yes';
      told.replaceChildren();
      for (const field of made.querySelectorAll('[aria-invalid]')) field.dispatchEvent(new Event('again'));
      try {
        await act(made);
        made.reset();
        made.dispatchEvent(new Event('sent'));
        delete made.dataset.busy;
        delete made.dataset.dirty;
        made.closest('details')?.removeAttribute('open');
        refresh(true);
      } catch (error) {
        if (error.control?.isConnected) point(error);
        else put(told, problem(error));
      } finally {
        delete made.dataset.busy;
        button.disabled = false;
      }
    },
  }, children, told, h('p', null, button));
  // what is wrong and folded away could not be shown, and the button would do nothing
  made.addEventListener('invalid', ({ target }) => target.closest('details')?.setAttribute('open', ''), true);
  // a choice differs from no default that could be compared
  made.addEventListener('change', ({ target }) => { if (target.matches('select')) made.dataset.dirty = 'yes'; });
  return made;
}

/** A field that holds a value from the beginning: who leaves it has typed nothing. */
export const preset = (made, value) => { made.defaultValue = made.value = value ?? ''; return made; };

/** What a field held when its form was drawn, and what it holds. */
const drawn = (field) => {
  if (field.type === 'checkbox') return String(field.defaultChecked);
  return field.matches('select') ? ([...field.options].find((it) => it.defaultSelected) ?? field.options[0])?.value ?? '' : field.defaultValue;
};
const holds = (field) => (field.type === 'checkbox' ? String(field.checked) : field.value);
const hold = (field, value) => {
  if (field.type === 'checkbox') field.checked = value === 'true';
  else field.value = value;
};
/** Says at a field that what was typed was meant for another value. */
function stale(field) {
  const now = field.matches('select') ? [...field.options].find((it) => it.value === drawn(field))?.textContent : drawn(field);
  const id = fresh('stale');
  const said = h('p', { class: 'warn', id }, field.type === 'checkbox' ? t('draft.changed') : t('draft.other', { now: now || '–' }));
  (field.closest('label') ?? field).after(said);
  field.setAttribute('aria-describedby', [field.getAttribute('aria-describedby'), id].filter(Boolean).join(' '));
}

/** Keeps what is typed into a form of a name until it is sent, also when the page is read
 * anew: only that, and for what it was meant, so that nothing old comes back beside it. What
 * is secret is never kept. Where a form has rows that come and go, `rows` reads them as JSON
 * ({read, write}) and builds them again: a place in a list says nothing. */
export function kept(name, made, rows) {
  const key = `draft:${name}`;
  const fields = () => [...made.querySelectorAll('input, textarea, select')]
    .filter((field) => !['file', 'password', 'radio'].includes(field.type) && !field.hasAttribute('data-secret') && !field.closest('[data-rows]'));
  const first = rows && JSON.stringify(rows.read());
  try {
    const before = JSON.parse(localStorage.getItem(key) ?? 'null');
    const known = fields();
    // a draft of another shape belongs to another form
    if (before?.of === known.length) {
      if (rows && before.rows) {
        rows.write(before.rows);
        made.dataset.dirty = 'yes';
        if (before.first !== first) made.prepend(h('p', { class: 'warn' }, t('draft.changed')));
      }
      for (const [at, value, base] of before.typed) {
        const field = known[at];
        if (drawn(field) === value) continue;
        hold(field, value);
        // what is suggested anew each time says nothing
        if (drawn(field) !== base && !field.hasAttribute('data-suggested')) stale(field);
      }
      made.dataset.stored = 'yes';
      made.dispatchEvent(new Event('restored'));
    }
  } catch { /* a private window forgets */ }
  made.addEventListener('input', () => {
    const all = fields();
    const typed = all.map((field, at) => [at, holds(field), drawn(field)]).filter(([, value, base]) => value !== base);
    const now = rows?.read();
    const others = rows && JSON.stringify(now) !== first;
    try {
      if (typed.length || others) localStorage.setItem(key, JSON.stringify({ of: all.length, typed, ...(others ? { rows: now, first } : {}) }));
      else localStorage.removeItem(key);
      made.dataset.stored = 'yes';
    } catch { delete made.dataset.stored; }
  });
  made.addEventListener('sent', () => {
    try { localStorage.removeItem(key); } catch { /* the same */ }
  });
  return made;
}

/** Looks whether what a form was drawn of (`before`, and of it `names`) is still so. Where it is
 * not, `again` draws the form of what is there now, with what was typed: nobody saves over what
 * they did not see. */
export async function asDrawn(made, [topic, table, key], before, names, again) {
  const { rows: [row] } = await api.get(`/topics/${encodeURIComponent(topic)}/rows/${table}/${encodeURIComponent(key)}`);
  const told = (columns) => JSON.stringify(names.map((name) => columns[name] ?? null));
  if (!row || told(row.columns) === told(before)) return;
  const next = again(row.columns);
  const files = (it) => [...it.querySelectorAll('input[type=file]')];
  files(next).forEach((field, at) => { field.files = files(made)[at].files; });
  next.dataset.dirty = 'yes';
  const error = new Error(t('draft.meanwhile'));
  next.prepend(problem(error));
  made.replaceWith(next);
  next.querySelector('button.main').focus();
  next.scrollIntoView({ block: 'nearest' });
  throw error;
}

/** Throws away what was typed and not sent: whoever comes next is somebody else. */
export function forget() {
  try {
    for (const key of Object.keys(localStorage)) if (/^(draft|seen):/.test(key)) localStorage.removeItem(key);
  } catch { /* there is nothing, then */ }
}

/** Tells what was written, and the secrets that only its writer has. `title` is that of a kind without words, `state` what something came to. */
export function written(answer, title, state) {
  const key = [`done.${answer.kind}`, `done.${answer.kind}.${state}`].findLast(has);
  say(key ? t(key) : has(`did.${answer.kind}`) ? `${did(answer.kind)}.` : t('done', { what: title ?? answer.kind }));
  if (answer.secrets.length) secret(answer.secrets);
  return answer;
}

/** Shows what nobody else may know until it is closed; it comes from this device and can be shown again. */
function secret(texts) {
  const box = h('dialog', { 'aria-label': t('secret.title') }, h('h2', null, t('secret.title')),
    texts.map((text) => h('p', { class: 'long' }, text)),
    h('form', { method: 'dialog' }, h('button', { class: 'main' }, t('close'))));
  box.addEventListener('close', () => box.remove());
  document.body.append(box);
  box.showModal();
}

/** Asks before something that can't be taken back. Gives whether it is meant. */
export function sure(title, text, yes) {
  let isMeant = false;
  const dialog = h('dialog', { 'aria-label': title }, h('h2', null, title), h('p', null, text),
    h('form', { method: 'dialog', class: 'row' }, h('button', { class: 'main', onclick: () => { isMeant = true; } }, yes), h('button', { autofocus: true }, t('cancel'))));
  return new Promise((done) => {
    dialog.addEventListener('close', () => {
      dialog.remove();
      done(isMeant);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** What is made when it is opened for the first time. */
export function folded(label, make) {
  const box = h('details', null, h('summary', null, label));
  const fill = () => { if (box.children.length === 1) box.append(h('div', null, make())); };
  box.firstChild.addEventListener('click', fill);
  box.addEventListener('toggle', fill);
  box.fill = fill;
  return box;
}

const manifests = new Map();
/** The manifest of a topic's app; it does not change while a page is open. */
export async function manifestOf(topic) {
  if (!manifests.has(topic)) manifests.set(topic, await api.get(`/topics/${encodeURIComponent(topic)}/manifest`));
  return manifests.get(topic);
}

/** The form of a command of an app. `known` are fields that are settled, `preset` those that
 * are filled in and can be changed; `label` is what its button says. */
export function commandForm(topic, command, known = {}, preset = {}, label = titleOf(command)) {
  const open = (of) => !of.name.includes('[]') && !(of.name in known);
  const fields = command.fields.filter(open).map((of) => ({ of, part: 'body' }))
    .concat(command.erasable.filter(open).map((of) => ({ of, part: 'erasable' })));
  const rows = fields.map(({ of, part }) => ({ of, part, element: control(of) }));
  for (const { of, element } of rows) if (of.name in preset) element.defaultValue = element.value = preset[of.name];
  const show = ({ of, part, element }) => field(labelOf(command.kind, of), element,
    [hints[of.type], part === 'erasable' && t('chat.erasable')].filter(Boolean).join('; '));
  const first = rows.filter(({ of }) => of.required && !of.made);
  const more = rows.filter((row) => !first.includes(row));
  const folded = more.length > 3 && first.length > 0;
  const made = form([
    first.map(show),
    folded ? h('details', null, h('summary', null, t('optional')), more.map(show)) : more.map(show),
  ], label, async () => {
    const event = { body: {}, erasable: {} };
    for (const [name, value] of Object.entries(known)) putAt(event.body, name, value);
    for (const { of, part, element } of rows) {
      const value = await said(of, element, topic);
      if (value !== undefined) putAt(event[part], of.name, value);
    }
    written(await api.send(topic, command.kind, event), command.title);
  });
  made.dataset.of = `${topic} ${command.kind} ${JSON.stringify(known)}`;
  return made;
}
