// How far the first run is: from what is there, and from what the owner said of a step.

export const STEPS = ['space', 'words', 'key', 'catalog', 'hours', 'share'];

/** What is there already counts as done; `begun` is what is there in part. `steps` is what the node says of them, where that is known. */
export async function standing({ api, topics, me, steps }) {
  const topic = topics.find((it) => it.app === 'space' && it.sequencer === me.device);
  const rows = async (view) => (topic ? (await api.rows(topic.topic, view, { limit: 1 })).rows : []);
  const [told, root, [about], items, places, resources] = await Promise.all([
    steps ?? api.get('/steps').then((it) => it.steps), api.get('/root'), ...['space', 'items', 'places', 'resources'].map(rows)]);
  const is = { ...told };
  if (about) is.space = 'done';
  if (items.length) is.catalog = 'done';
  // one of the two is no reason to leave out the other
  const isOpen = resources.length > 0 || places.some((row) => row.columns.opening_hours);
  const { notice_s: notice, cancellation_terms: terms, return_terms: back } = about?.columns ?? {};
  const hasTerms = Boolean(notice || terms?.length || back?.window_s);
  if (isOpen && hasTerms) is.hours = 'done';
  const begun = { hours: places.length > 0 || isOpen || hasTerms };
  if (root.root_form !== 'plain') is.key = 'done';
  return { topic, about: about?.columns, is, root, begun };
}
