// Customers without an install: the link for them, who they are, who asks.

import { h, live, put } from './elements.js';
import { t } from './words.js';
import { api, problem, say, to } from './app.js';
import { answer, asking } from './cards.js';
import { code } from './node.js';
import { field } from './forms.js';
import { short } from './format.js';

/** What is printed and hung up: the name, the code, the link, and nothing else of the page. */
function poster(name, made) {
  const sheet = h('section', { class: 'poster' }, h('p', { class: 'large' }, name), h('p', null, t('guests.scan')), code(made.squares, t('guests.code')), h('p', { class: 'long' }, made.url));
  const over = () => {
    document.body.classList.remove('posting');
    sheet.remove();
  };
  // some browsers go on while they print
  for (const event of ['afterprint', 'hashchange']) addEventListener(event, over, { once: true });
  document.body.append(sheet);
  document.body.classList.add('posting');
  print();
}

/** The link by which customers find a space: as a code, to be opened, copied, printed. */
export async function customers(space, name, done = () => {}) {
  const made = await api.post('/guests/link', { space }).catch(problem);
  if (made instanceof Node) return made;
  const copied = () => navigator.clipboard.writeText(made.url).then(() => { say(t('copied')); done(); }, () => say(t('problem')));
  const isNear = /^https?:\/\/(localhost|127\.|\[::1\])/.test(made.url);
  return [code(made.squares, t('guests.code')),
    h('p', null, h('a', { href: made.url, class: 'long', target: '_blank', rel: 'noreferrer' }, made.url)),
    isNear && h('p', { class: 'warn' }, t('guests.near'), ' ', h('code', null, 'synlog up --guests')),
    h('p', { class: 'row' }, h('button', { type: 'button', class: 'main', onclick: copied }, t('guests.copy')),
      h('button', { type: 'button', onclick: () => { poster(name, made); done(); } }, t('order.print')))];
}

/** How guests are let in, where they are not. */
export const guestsOff = () => h('p', null, t('guests.off'), ' ', h('code', null, 'synlog up --guests'));

/** The card: link, code, those who ask or are shut out; all others are among the clients. */
export async function guests() {
  const told = await api.get('/guests');
  const shown = h('div', { 'data-held': 'guests' });
  const pick = h('select', null, told.spaces.map((space) => h('option', { value: space.topic }, space.name)));
  const others = told.blocked.filter((entity) => !told.relations.some((of) => of.entity === entity));
  return h('details', { open: told.asked.length > 0 || null }, h('summary', null, t('guests')),
    h('p', { class: 'hint' }, t('guests.how')),
    told.urls.length === 0 && guestsOff(),
    told.urls.length > 0 && h('p', null, t(`guests.new.${told.accepts}`)),
    told.urls.length > 0 && told.spaces.length > 0 && [field(t('guests.space'), pick), h('p', null, h('button', {
      type: 'button',
      onclick: async () => {
        const made = await customers(pick.value, told.spaces.find((space) => space.topic === pick.value)?.name ?? '');
        put(live(shown), made);
      },
    }, t('guests.link')))],
    shown,
    told.relations.length > 0 && h('p', null, h('a', { href: to('clients') }, t('guests.all', { n: told.relations.length }))),
    h('ul', { class: 'cards' }, asking(told.asked),
      others.map((entity) => h('li', { class: 'card' }, h('h3', null, short(entity)),
        h('p', { class: 'row' }, t('guests.blocked'), ' ', answer(entity, 'unblock'))))));
}
