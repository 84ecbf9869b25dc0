// What can be erased, and who may: a signed word says so to all who have it, and it is shown no more.

import { h } from './elements.js';
import { t } from './words.js';
import { api, failed, refresh, say } from './app.js';
import { sure } from './forms.js';

/** Whether this device may erase what an entity wrote in a topic: its own, and all where it sequences. */
export function mayErase({ topics, mine, me }, topic, author) {
  return mine(author) || topics.find((it) => it.topic === topic)?.sequencer === me.device;
}

/** A button that erases what can be erased of an entry, once it was asked whether that is meant; then `done`. */
export const eraser = (id, done = () => refresh(true)) => h('button', { type: 'button', onclick: async () => {
  if (!await sure(t('erase.sure'), t('erase.what'), t('erase'))) return;
  try {
    await api.post(`/entries/${id}/erase`, {});
    say(t('erase.done'));
    await done();
  } catch (error) {
    failed(error);
  }
} }, t('erase'));
