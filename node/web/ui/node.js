// The node: who it knows, how it is.

import { h, live, pairs, put } from './elements.js';
import { choose, language, names, t, word } from './words.js';
import { api, heading, problem, say, to } from './app.js';
import { field, forget, form } from './forms.js';
import { instant, short } from './format.js';
import { guests } from './guests.js';

/** Nodes that this one knows; how another finds this one, and this one another. */
export async function peers({ topics }) {
  const [told, visitors] = [await api.get('/peers'), await guests()];
  const ticket = h('input', { required: true, autocomplete: 'off', spellcheck: 'false' });
  return [heading(t('peers')), h('p', { class: 'hint' }, t('peers.how')),
    h('details', null, h('summary', null, t('invite')), invitation(topics)),
    h('details', null, h('summary', null, t('join')), h('p', { class: 'hint' }, t('join.how')),
      form([field(t('ticket'), ticket)], t('join'), async () => { await api.post('/joins', { ticket: ticket.value }); say(t('join.done')); })),
    visitors,
    told.peers.length
    ? h('ul', { class: 'cards' }, told.peers.map((peer) => h('li', { class: 'card' },
      h('h2', { class: 'name' }, peer.device_name ?? short(peer.node)),
      h('p', { class: peer.connected ? 'good' : 'soft' }, t(peer.connected ? 'connected' : 'away'), peer.via && ` (${word(peer.via)})`),
      pairs([[t('peers.synced'), instant(peer.last_sync)], [t('peers.lacks'), peer.missing_here || null], [t('peers.whynot'), !peer.connected && peer.why_not]]),
      h('details', null, h('summary', null, t('details')), h('pre', null, JSON.stringify(peer, null, 2))))))
    : h('p', { class: 'soft' }, t('peers.none'))];
}

/** A ticket with its code, for a topic that can be chosen, or for one. */
export function invitation(topics, only, made_ = () => {}) {
  // a ticket that comes late is not put where one for something else is asked for
  const shown = h('div', { 'data-held': `invitation ${only ?? ''}` });
  const pick = h('select', null, h('option', { value: '' }, t('invite.nothing')),
    topics.map((topic) => h('option', { value: topic.topic }, topic.name ?? short(topic.topic))));
  if (only) pick.value = only;
  return [h('p', { class: 'hint' }, t('invite.how')), !only && field(t('invite.topic'), pick),
    h('p', null, h('button', {
      type: 'button',
      onclick: async () => {
        const what = pick.selectedOptions[0].textContent;
        const made = await api.post('/invitations', pick.value ? { topic: pick.value } : {}).catch(problem);
        if (made instanceof Node) return put(live(shown), made);
        const copy = h('button', { type: 'button', onclick: () => navigator.clipboard.writeText(made.ticket).then(() => say(t('copied')), () => say(t('problem'))) }, t('copy'));
        put(live(shown), h('p', null, h('strong', null, what)), code(made.qr, t('invite.code')), h('p', null, h('code', { class: 'long' }, made.ticket)), h('p', null, copy));
        await made_();
      },
    }, t('invite'))), shown];
}

/** A QR code: dark squares on light ground, whatever the page's colours are. */
export function code(rows, label) {
  const svg = (name, properties) => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [key, value] of Object.entries(properties)) element.setAttribute(key, value);
    return element;
  };
  const quiet = 4;
  const side = rows.length + 2 * quiet;
  const dark = rows.flatMap((row, y) => [...row].map((square, x) => (square === '#' ? `M${x + quiet} ${y + quiet}h1v1h-1z` : ''))).join('');
  const image = svg('svg', { viewBox: `0 0 ${side} ${side}`, role: 'img', 'aria-label': label, class: 'qr', 'shape-rendering': 'crispEdges' });
  image.append(svg('rect', { width: side, height: side, fill: '#fff' }), svg('path', { d: dark, fill: '#000' }));
  return image;
}

/** Who I am, how the store is, what this browser prefers. */
export async function settings({ me }) {
  const [doctor, tokens, root, notes] = await Promise.all([api.get('/doctor'), api.get('/tokens'), api.get('/root'), import('./notify.js')]);
  const ring = h('input', { type: 'checkbox', checked: notes.wanted(), disabled: !notes.can(), onchange: async () => { ring.checked = ring.defaultChecked = await notes.want(ring.checked); } });
  const left = h('div');
  const out = (how, label) => h('button', { type: 'button', onclick: async () => {
    left.replaceChildren();
    // whoever leaves leaves nothing behind, also where the node does not hear of it
    forget();
    try {
      await api.post('/logout', how);
    } catch (error) {
      put(left, problem(error), h('p', { class: 'warn' }, t('settings.logout.not')));
      return;
    }
    location.reload();
  } }, label);
  const pick = h('select', { onchange: () => choose(pick.value) },
    Object.entries(names).map(([tag, name]) => h('option', { value: tag, selected: tag === language }, name)));
  return [
    heading(t('settings')),
    pairs([[t('who.entity'), h('code', null, me.entity)], [t('who.device'), `${me.device_name} ${short(me.device)}`], [t('who.home'), me.home]]),
    field(t('settings.language'), pick),
    h('p', null, h('label', { class: 'check' }, ring, ' ', t('settings.notify'))), h('p', { class: 'hint' }, t('settings.notify.how')),
    h('h2', null, t('key.title')), h('p', null, t(`key.form.${root.root_form}`), ' ', h('a', { href: to('begin', 'words') }, t('begin.words')), ' · ', h('a', { href: to('begin', 'key') }, t('begin.key'))),
    h('p', null, out({}, t('settings.logout')), ' ', out({ everywhere: true }, t('settings.logout.all'))), left,
    h('p', { class: 'hint' }, t('settings.logout.how')),
    h('h2', null, t('settings.doctor')),
    h('p', { class: doctor.ok ? 'good' : 'bad' }, doctor.ok ? t('settings.well') : t('problem')),
    h('p', null, h('a', { href: to('doctor') }, t('doctor'))),
    h('h2', null, t('settings.tokens')),
    tokens.tokens.length
      ? h('ul', null, tokens.tokens.map((token) => h('li', null, `${token.name} (${token.scope}, ${instant(token.made_ms)})`)))
      : h('p', { class: 'soft' }, t('settings.notokens')),
  ];
}
