// Elements out of names, properties and children. Text only ever becomes text nodes.

/** An element: h('p', {class: 'soft', onclick: f}, 'text', child, null, […]). */
export function h(name, properties, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? '' : String(value));
  }
  fill(element, children);
  return element;
}

// what turns the direction of other text around, or cannot be seen, is shown as a mark: a
// name must not look like another one
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff]/g;

function fill(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) {
      element.append(child instanceof Node ? child : String(child).replace(UNSEEN, '\ufffd'));
    }
  }
}

/** Puts children in place of what is in an element. */
export function put(element, ...children) {
  element.replaceChildren();
  fill(element, children);
  return element;
}

let last = 0;
/** An id that no other element has. */
export const fresh = (front) => `${front}-${++last}`;

/** What may be wider than the window: it scrolls by itself, by keys as well. */
export const scroll = (label, ...children) => h('div', { class: 'scroll', tabindex: '0', role: 'group', 'aria-label': label }, children);

/** Names and values as a list of both. */
export function pairs(entries) {
  const known = entries.filter(([, value]) => value !== null && value !== undefined && value !== '');
  return h('dl', null, known.map(([name, value]) => [h('dt', null, name), h('dd', null, value)]));
}

/** A place that is filled when somebody asks (`data-held`), as it is on the screen now: the screen may have been drawn anew since it was made. */
export const live = (place) => (place.isConnected ? place : document.querySelector(`[data-held="${place.dataset.held}"]`) ?? place);
