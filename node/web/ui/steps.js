// How far the first run is: from what is there, and from what the owner said of a step.

import { api } from './app.js';

export const STEPS = ['space', 'words', 'key', 'catalog', 'hours', 'share'];

/** What is there already counts as done. */
export async function standing({ topics, me }) {
  const topic = topics.find((it) => it.app === 'space' && it.sequencer === me.device);
  const [{ steps }, root] = await Promise.all([api.get('/steps'), api.get('/root')]);
  const rows = async (view) => (topic ? (await api.rows(topic.topic, view, { limit: 1 })).rows : []);
  const [[about], items, places, resources] = await Promise.all(['space', 'items', 'places', 'resources'].map(rows));
  const is = { ...steps };
  if (about) is.space = 'done';
  if (items.length) is.catalog = 'done';
  if (places.some((row) => row.columns.opening_hours) || resources.length || about?.columns.notice_s || about?.columns.cancellation_terms?.length) is.hours = 'done';
  if (root.root_form !== 'plain') is.key = 'done';
  return { topic, about: about?.columns, is, root };
}
