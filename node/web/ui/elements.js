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

function fill(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) {
      element.append(child instanceof Node ? child : String(child));
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

/** Names and values as a list of both. */
export function pairs(entries) {
  const known = entries.filter(([, value]) => value !== null && value !== undefined && value !== '');
  return h('dl', null, known.map(([name, value]) => [h('dt', null, name), h('dd', null, value)]));
}
