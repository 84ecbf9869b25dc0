// The customer's key: the words, the way to a node, and forgetting.

import { h, pairs, put } from './elements.js';
import { t } from './words.js';
import { app, heading, say, to } from './app.js';
import { field, form, tick } from './form.js';
import * as keeping from './keeping.js';
import * as pictures from './pictures.js';

function download(name, content) {
  const link = h('a', { href: URL.createObjectURL(new Blob([content], { type: 'application/octet-stream' })), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

export async function key() {
  const page = await kept();
  if (!app.link.me) return [heading(t('key')), h('p', null, t('key.none')), h('h2', null, t('settings')), page];
  const { me } = app.link;
  const shown = h('div');
  const reveal = h('button', {
    type: 'button',
    onclick: () => {
      const words = app.link.words();
      put(shown, h('ol', { class: 'words', translate: 'no' }, words.map((word) => h('li', null, word))), h('p', { class: 'warn' }, t('key.words.warn')), written());
      reveal.hidden = true;
    },
  }, t('key.words.show'));
  return [
    heading(t('key')),
    h('p', null, t('key.text')),
    h('details', null, h('summary', null, t('details')), pairs([[t('who.entity'), h('code', { class: 'long' }, me.entity)], [t('who.device'), h('code', { class: 'long' }, me.device)]])),
    h('h2', null, t('key.words')),
    me.root ? [h('p', null, t('key.words.text')), h('p', null, reveal), shown] : h('p', { class: 'good' }, t('key.words.gone')),
    h('h2', null, t('key.copy')), h('p', null, t('key.copy.text')),
    h('p', null, h('button', { type: 'button', onclick: () => download('synlog-guest.synlog', app.link.export()) }, t('key.export'))),
    h('details', null, h('summary', null, t('key.move')), h('p', null, t('key.move.text')),
      h('ol', null, h('li', null, t('key.move.copy')),
        h('li', null, t('key.move.recover'), h('pre', null, 'synlog recover --from synlog-guest.synlog --name laptop\nsynlog bundle read synlog-guest.synlog')))),
    h('h2', null, t('settings')), page,
    h('details', null, h('summary', null, t('trust')), h('p', null, t('trust.text'))),
    forgetting(),
  ];
}

/** Whether this page opens without a connection, and how to have that otherwise. */
async function kept() {
  const state = await keeping.state();
  const act = { kept: 'end', coming: 'end', unwanted: 'again' }[state];
  const button = act && h('button', { type: 'button', onclick: () => keeping[act]().then(() => app.refresh(true), (error) => say(error.message)) }, t(`keep.${act}`));
  return h('details', null, h('summary', null, t('keep')), h('p', null, t(`keep.${state}`)), button && h('p', null, button));
}

/** The root key is taken off once somebody shows that the words are written down. */
function written() {
  const words = h('textarea', { required: true, autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false' });
  return h('details', null, h('summary', null, t('key.drop')), h('p', null, t('key.drop.text')),
    form([field(t('key.drop.words'), words)], t('key.drop'), async () => {
      if (!app.link.isRoot(words.value)) throw new Error(t('wrong.words'));
      await app.link.dropRoot();
      say(t('key.dropped'));
      return () => app.refresh(true);
    }));
}

function forgetting() {
  const sure = h('input', { required: true });
  return h('details', null, h('summary', null, t('key.forget')), h('p', { class: 'warn' }, t('key.forget.text')),
    app.link.unsent > 0 && h('p', { class: 'bad' }, t('banner.unsent', { n: app.link.unsent })),
    form([tick(t('key.forget.sure'), sure)], t('key.forget'), async () => {
      await app.link.forget();
      await pictures.forget().catch(() => {});
      location.hash = to('provider');
      location.reload();
    }));
}
