// How far the first run is: from what is there, and from what the owner said of a step.

export const STEPS = ['space', 'words', 'key', 'catalog', 'hours', 'share'];

/** What is there already counts as done. `steps` is what the node says of them, where that is known. */
export async function standing({ api, topics, me, steps }) {
  const topic = topics.find((it) => it.app === 'space' && it.sequencer === me.device);
  const rows = async (view) => (topic ? (await api.rows(topic.topic, view, { limit: 1 })).rows : []);
  const [told, root, [about], items, places, resources] = await Promise.all([
    steps ?? api.get('/steps').then((it) => it.steps), api.get('/root'), ...['space', 'items', 'places', 'resources'].map(rows)]);
  const is = { ...told };
  if (about) is.space = 'done';
  if (items.length) is.catalog = 'done';
  if (places.some((row) => row.columns.opening_hours) || resources.length || about?.columns.notice_s || about?.columns.cancellation_terms?.length) is.hours = 'done';
  if (root.root_form !== 'plain') is.key = 'done';
  return { topic, about: about?.columns, is, root };
}
