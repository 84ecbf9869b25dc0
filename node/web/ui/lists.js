// Lists that are longer than what is held of them: pages come as they are scrolled to, and
// those far away are let go until they are seen again.

import { h } from './elements.js';
import { t } from './words.js';
import { problem } from './app.js';

/** How far outside of the window a page is still held. */
const NEAR = '1500px';

/** A list of pages. `ask` gives {rows, next} behind a place, `show` an element of a row. */
export async function pages(ask, show, { kind = 'plain', none = t('none') } = {}) {
  const box = h('div', { class: 'pages' });
  const more = h('button', { type: 'button' }, t('more'));
  const first = await ask(undefined);
  let next = first.next;
  let asking = false;

  const add = (after, rows) => {
    const list = h('ul', { class: kind }, rows.map(show));
    list.after$ = after;
    more.before(list);
    near.observe(list);
  };
  const load = async () => {
    if (!next || asking) return;
    asking = true;
    try {
      const after = next;
      const page = await ask(after);
      next = page.next;
      add(after, page.rows);
    } catch (error) {
      more.before(problem(error));
    } finally {
      asking = false;
      more.hidden = !next;
    }
    // who is observed anew is told where it is, also where that has not changed
    end.unobserve(more);
    if (next) end.observe(more);
  };
  const near = new IntersectionObserver((seen) => {
    for (const { target, isIntersecting, boundingClientRect } of seen) {
      if (isIntersecting) fill(target);
      else if (target.children.length && boundingClientRect.height && !target.contains(document.activeElement)) {
        // its place stays, its rows go
        target.style.minHeight = `${boundingClientRect.height}px`;
        target.replaceChildren();
      }
    }
  }, { rootMargin: NEAR });
  const fill = async (list) => {
    if (list.children.length || list.filling) return;
    list.filling = true;
    try {
      const page = await ask(list.after$);
      list.replaceChildren(...page.rows.map(show));
      list.style.minHeight = '';
    } catch { /* it is asked again when it is seen again */ } finally {
      list.filling = false;
    }
  };
  const end = new IntersectionObserver((seen) => { if (seen.some((it) => it.isIntersecting)) load(); }, { rootMargin: NEAR });

  more.addEventListener('click', load);
  box.append(more);
  if (first.rows.length) add(undefined, first.rows);
  else more.before(h('p', { class: 'soft' }, none));
  more.hidden = !next;
  end.observe(more);
  return box;
}
