// What a customer wrote and can be erased: the customer says so, signed, and it is shown no more.

import { h } from './elements.js';
import { t } from './words.js';
import { app, say } from './app.js';

/** A button that erases what can be erased of an own entry, once it was asked whether that is meant. */
export function eraser(id) {
  const told = h('span', { role: 'status' });
  const erase = async () => {
    if (!await app.confirm(t('erase.sure'), h('p', null, t('erase.what')), t('erase'))) return;
    try {
      await app.link.write('topic.tombstone', { target: id }, { space: app.space });
    } catch (error) {
      // somebody else erased it meanwhile: in another tab, or the provider
      if (error.code !== 'usage') throw error;
    }
    say(t(app.link.online ? 'erase.done' : 'erase.later'));
    app.refresh(true);
  };
  return [h('button', { type: 'button', onclick: () => app.attempt(told, erase) }, t('erase')), told];
}
