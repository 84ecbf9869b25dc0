// Your devices: who they are, how another one becomes yours, how one ends. The words that
// both machines show are compared by a person, and nothing is certified before.

import { h, live, pairs, put } from './elements.js';
import { t } from './words.js';
import { api, heading, refresh, say } from './app.js';
import { field, form } from './forms.js';
import { instant, short } from './format.js';
import { code } from './node.js';

/** The screen. */
export async function devices({ me }) {
  const [told, root] = await Promise.all([api.get('/devices'), api.get('/root')]);
  return [heading(t('devices')),
    h('ul', { class: 'cards' }, told.devices.map((device) => card(device, root.root_form))),
    h('h2', null, t('device.new')),
    root.root_form === 'absent' ? h('p', { class: 'warn' }, t('device.absent')) : adding(me, root.root_form)];
}

function card(device, form_) {
  const live = !device.this && !device.revoked;
  return h('li', { class: 'card' },
    h('h2', { class: 'name' }, device.name), h('p', null, h('code', null, short(device.device))),
    h('p', { class: 'soft' }, instant(device.certified_ms)),
    device.this && h('span', { class: 'badge good' }, t('device.this')),
    device.revoked && h('span', { class: 'badge bad' }, t('device.revoked')),
    live && form_ !== 'absent' && ['revoke', 'lost'].map((end) => ending(device, end, form_)));
}

/** The passphrase of a root key that is under one. */
function pass(form_) {
  const input = h('input', { type: 'password', required: true, autocomplete: 'off', 'data-secret': true });
  return form_ === 'plain' ? { shown: null, read: () => ({}) } : { shown: field(t('key.pass'), input), read: () => ({ passphrase: input.value }) };
}

function ending(device, end, form_) {
  const phrase = pass(form_);
  const sure = h('input', { type: 'checkbox', required: true });
  return h('details', null, h('summary', null, t(`device.${end}`)), h('p', { class: 'hint' }, t(`device.${end}.how`)),
    form([phrase.shown, h('p', null, h('label', { class: 'check' }, sure, ' ', t('device.sure', { name: device.name })))], t(`device.${end}`), async () => {
      const ended = await api.post(`/devices/${device.device}`, { end, ...phrase.read() });
      say(ended.waiting?.length ? t('device.waiting', { n: ended.waiting.length }) : t('device.ended', { name: device.name }));
    }));
}

function adding(me, form_) {
  const request = h('textarea', { required: true, spellcheck: 'false', autocomplete: 'off' });
  const step = h('div', { 'aria-live': 'polite', 'data-held': 'device' });
  return [
    h('p', null, t('device.there')), h('pre', null, `synlog device request --for ${me.entity} --name phone`),
    form([field(t('device.request'), request, t('device.request.hint'))], t('device.look'), async () => {
      const text = request.value;
      const { device_name: name, check } = await api.post('/devices/request', { request: text });
      put(live(step), compare(text, name, check, form_));
      live(step).querySelector('h3').focus();
    }), step];
}

function compare(request, name, check, form_) {
  const phrase = pass(form_);
  const box = h('section', { class: 'card' });
  put(box, h('h3', { tabindex: '-1' }, t('device.compare', { name })),
    h('p', { class: 'words' }, h('strong', { translate: 'no' }, check)), h('p', { class: 'warn' }, t('device.compare.how')),
    form([phrase.shown], t('device.same'), async () => {
      const answer = await api.post('/devices', { request, check, ...phrase.read() });
      // the list above is of before; what stands here is needed until it was carried over
      put(box, h('h3', { tabindex: '-1' }, t('device.added', { name: answer.device_name })),
        h('p', null, t('device.answer')), answer.qr && code(answer.qr, t('device.code')),
        h('pre', { class: 'long' }, `synlog device accept ${answer.answer}`),
        pairs([[t('topics'), answer.topics]]),
        h('p', { class: 'row' },
          h('button', { type: 'button', onclick: () => navigator.clipboard.writeText(answer.answer).then(() => say(t('copied')), () => say(t('problem'))) }, t('copy')),
          h('button', { type: 'button', class: 'main', onclick: () => { box.remove(); refresh(); } }, t('device.done'))));
      box.querySelector('h3').focus();
    }),
    h('p', null, h('button', { type: 'button', onclick: () => box.remove() }, t('device.differ'))));
  return box;
}
