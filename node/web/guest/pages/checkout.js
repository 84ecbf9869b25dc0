// The basket on the screen: its lines as they are offered now, what they come to, and the one
// order that is made of them.

import { fresh, h, put } from './elements.js';
import { t } from './words.js';
import { amount, instant } from './format.js';
import { app, heading, say, to } from './app.js';
import { field, form } from './form.js';
import * as basket from './basket.js';
import { now } from './catalog.js';
import { QUANTITY_MAX, extra, offer, stands as standing, total, without } from './lines.js';
import { line as ordered, sum, wished, wishes } from './item.js';
import { price } from './provider.js';

const titled = ({ offer: { title }, item }) => title ?? item;
const chosen = ({ picks }) => picks.map(({ name, choice }) => `${name}: ${choice}`).join(', ');

/** What all of it comes to, with what is still open. */
function together(lines) {
  const { low, high, currency, open } = total(lines);
  const priced = lines.length > open;
  const said = priced && (low === high ? amount(low, currency) : `${amount(low, currency)} – ${amount(high, currency)}`);
  return [priced && h('strong', { class: 'price' }, t('basket.sum', { sum: said })), priced && open > 0 && ' ',
    open > 0 && h('span', { class: 'soft' }, t(priced ? 'basket.open' : 'basket.open.all', { n: open }))];
}

/** The page of the basket. */
export async function page() {
  let kept = await basket.read();
  /** By item: its row as the provider shows it, null where it is gone. */
  const current = new Map();
  let away = false;
  const list = h('ul', { class: 'cards' });
  const sums = h('p', { 'aria-live': 'polite' });
  const told = h('div', { 'aria-live': 'polite' });
  const name = h('input', { required: true, maxlength: '60', autocomplete: 'name' });
  const more = wishes(kept.wish, (said) => { basket.wish(said).catch(() => {}); });
  let looked = 0;

  const stands = (line) => standing(line, current.get(line.item));
  /** Lines of what can be had. */
  const here = () => kept.lines.filter((line) => stands(line) !== 'gone');
  const look = async () => {
    const items = [...new Set(kept.lines.map(({ item }) => item))];
    await Promise.all(items.map(async (item) => { current.set(item, await now({ item })); }));
    away = items.some((item) => current.get(item) === undefined);
    looked = away ? 0 : Date.now();
  };

  /** One line. */
  const card = (line) => {
    const state = stands(line);
    const item = current.get(line.item);
    const many = h('input', { type: 'number', min: '1', max: String(QUANTITY_MAX), step: '1', inputmode: 'numeric', required: true, value: String(line.quantity), 'data-line': line.id });
    const cost = h('p', { class: 'soft' });
    const warned = h('div', { 'aria-live': 'polite' });
    const sayCost = (quantity) => {
      put(cost, sum(line.offer, quantity, extra(line.offer.options, line.picks) ?? 0) ?? t('price.quote'));
      put(warned, Number.isInteger(item?.stock) && quantity > item.stock && h('p', { class: 'warn' }, t('order.short', { n: item.stock })));
    };
    sayCost(line.quantity);
    many.addEventListener('input', () => {
      const quantity = Number(many.value);
      if (!many.checkValidity()) return;
      sayCost(quantity);
      app.attempt(told, async () => { kept = await basket.set(line.id, { quantity }); put(sums, together(here())); });
    });
    const accept = () => app.attempt(told, async () => {
      kept = await basket.set(line.id, { offer: offer(item), revision: item.revision, seen: Date.now() });
      draw();
    });
    const out = () => app.attempt(told, async () => { kept = await basket.remove(line.id); draw(); title.focus(); });
    return h('li', { class: 'card' },
      h('h2', { class: 'name' }, h('a', { href: to('item', line.item) }, titled(line))),
      line.picks.length > 0 && h('p', null, chosen(line)),
      state === 'gone' && h('p', { class: 'bad' }, t('basket.gone')),
      state === 'choose' && h('p', { class: 'warn' }, t('basket.again')),
      state === 'changed' && [h('p', { class: 'warn' }, changes(line, item)), h('p', null, h('button', { type: 'button', onclick: accept, 'aria-label': `${titled(line)}: ${t('basket.accept')}` }, t('basket.accept')))],
      h('div', { class: 'many' }, state !== 'gone' && field(t('order.quantity'), many),
        h('button', { type: 'button', onclick: out, 'aria-label': `${titled(line)}: ${t('basket.remove')}` }, t('basket.remove'))),
      state !== 'gone' && [cost, warned]);
  };

  const title = heading(t('basket'));
  const draw = () => {
    // a number that is being typed is not taken away
    const typing = list.querySelector('input:focus:invalid');
    if (typing) {
      typing.addEventListener('blur', draw, { once: true });
      return;
    }
    const focused = list.contains(document.activeElement) && document.activeElement.dataset.line;
    put(list, kept.lines.map(card));
    put(sums, here().length > 0 && together(here()));
    box.hidden = kept.lines.length === 0;
    none.hidden = !box.hidden;
    put(hint, away && kept.lines.length > 0 && t('basket.away', { when: instant(Math.min(...kept.lines.map(({ seen }) => seen))) }));
    // what was wrong before is looked at anew
    asking.querySelector('.problem')?.remove();
    if (focused) list.querySelector(`[data-line="${focused}"]`)?.focus();
  };

  const asking = form([more.element, !app.link.me && field(t('your.name'), name, t('your.name.hint'))], t('order.review'), async () => {
    const typed = [...list.querySelectorAll('input')].find((control) => !control.reportValidity());
    if (typed) return false;
    const { body, erasable } = more.read();
    // what the provider says now counts, if it says something
    await look();
    kept = await basket.read();
    draw();
    if (kept.lines.some((line) => stands(line) !== 'same')) throw new Error(t('basket.look'));
    const sent = kept.lines;
    const full = { ...body, lines: sent.map((line) => ordered({ item: line.item, revision: line.revision, title: titled(line) }, line.quantity, line.picks)) };
    const confirmed = await app.confirm(t('order.confirm.title'), [
      h('ul', null, sent.map((line) => h('li', null, `${line.quantity} × ${titled(line)}`, line.picks.length > 0 && ` (${chosen(line)})`))),
      h('p', null, together(sent)), wished(full, erasable),
    ], t('order.send'));
    if (!confirmed) return false;
    if (!app.link.me) await app.link.begin(name.value.trim());
    const draft = { kind: 'order.request', body: full, erasable, space: app.space, lines: sent, wish: more.said(), looked };
    const out = await app.link.writeOut(basket.place(), draft, (all) => without(all, sent));
    app.basketChanged();
    if (!out) {
      kept = await basket.read();
      draw();
      // the form may be gone with the lines
      put(told, h('p', { class: 'warn', role: 'alert' }, t('basket.other')));
      return false;
    }
    say(t(looked ? 'order.sent' : 'order.kept'));
    location.hash = to('orders');
    return false;
  });
  const none = h('p', { class: 'soft' }, t('basket.none'), ' ', h('a', { href: to('provider') }, t('catalog')));
  const hint = h('p', { class: 'soft' });
  const box = h('div', { id: fresh('basket') }, asking);
  draw();
  // the provider is asked while the page is there already
  const lookAgain = () => look().then(draw, () => {});
  lookAgain();
  const again = async () => {
    if (!list.isConnected && !box.isConnected) { document.removeEventListener('basket', again); return; }
    const read = await basket.read();
    if (JSON.stringify(read.lines) === JSON.stringify(kept.lines)) return;
    kept = read;
    draw();
    lookAgain();
  };
  const news = () => { if (list.isConnected || box.isConnected) lookAgain(); else document.removeEventListener('catalog', news); };
  setTimeout(() => { document.addEventListener('basket', again); document.addEventListener('catalog', news); });
  return [title, none, list, sums, hint, told, box];
}

/** What is not as it was, in words. */
function changes(line, item) {
  const before = price(line.offer);
  const after = price(offer(item));
  if (before !== after) return t('basket.price', { before, after });
  const title = offer(item).title;
  return title !== line.offer.title ? t('basket.title', { title }) : t('basket.changed');
}
