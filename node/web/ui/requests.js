// What a customer asked for with an order: where to, when, and what was chosen.

import { h } from './elements.js';
import { t } from './words.js';
import { api } from './app.js';
import { digits } from './format.js';
import { full, here, isZone, stretch } from './zones.js';

/** The clock of the space of which something was ordered for a time. */
export async function zoneOf(entries, { order }) {
  const request = entries.find((entry) => entry.id === digits(order))?.body;
  const space = request?.window && digits(request.lines?.[0]?.space);
  const { rows: [row] } = space ? await api.rows(space, 'space').catch(() => ({ rows: [] })) : { rows: [] };
  const zone = row?.columns.zone;
  return zone && isZone(zone) ? zone : here();
}

/** Where to and when, and what was chosen, as the client asked for it: it is in the entry alone. */
export function asked(entries, id, { zone = here(), when = (start, end) => stretch(start, end, zone, t('calendar.you')), erasing } = {}) {
  const request = entries.find((entry) => entry.id === id);
  const chosen = (request?.body?.lines ?? []).filter(({ options }) => options?.length).map(({ title, item, options }) => h('li', null, `${title ?? item}: ${options.join(', ')}`));
  const { start, end } = request?.body?.window ?? {};
  const window = start && end ? when(start, end) : [start, end].filter(Boolean).map((at) => `${full(at, zone)} (${zone})`).join(' – ');
  const written = request?.erasable?.address;
  const address = written ? [written, ' ', erasing?.(request)] : (request?.erased ? t('order.erased') : null);
  return [[t('order.address'), address], [t('order.window'), window], [t('order.chosen'), chosen.length > 0 ? h('ul', { class: 'plain' }, chosen) : null]];
}
