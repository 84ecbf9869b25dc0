// What cancelling costs: the terms with which an offer begins, and the fields in which its
// provider says others.

import { h, put } from './elements.js';
import { t, word } from './words.js';
import { api } from './app.js';
import { field, preset } from './forms.js';
import { digits, money, units } from './format.js';

/** Stages from which on a space lets cancelling cost something, and what an order calls them: before the confirm it costs nothing. */
const OPENS = ['requested', 'agreed', 'confirmed'];
/** Stages of work in which cancelling may cost more, and the ways of fulfilment that have them; nothing named: all. */
const CANCEL = { pending: null, assigned: ['goods', 'pickup'], packed: ['goods', 'pickup'], picked_up: ['goods'], out_for_delivery: ['goods'], in_transit: ['visit'], at_location: ['visit'], started: ['visit'] };
/** Those that are asked for always; the others where they say something. */
const ASKED = ['pending', 'packed', 'out_for_delivery', 'at_location', 'started'];

/** What a space says of cancelling and of returns, as an offer says it; an item may have terms of its own. */
export async function termsOf([line], items) {
  const { rows: [row] } = line ? await api.rows(digits(line.columns.space), 'space').catch(() => ({ rows: [] })) : { rows: [] };
  const all = items.find(({ terms }) => terms?.length)?.terms ?? row?.columns.cancellation_terms ?? [];
  const back = items.find((it) => it.back)?.back ?? row?.columns.return_terms;
  const open = OPENS.map((stage) => all.find((term) => term.stage === stage)).findLast(Boolean);
  const rest = all.filter((term) => !OPENS.includes(term.stage));
  return { terms: [...(open ? [{ ...open, stage: 'pending' }] : []), ...rest], return_s: back?.window_s };
}

/** Fields for what cancelling costs; a line says it while they are folded. */
export function cancelFields(terms, way, currency) {
  const known = new Map(terms.map((term) => [term.stage, term]));
  const rows = Object.keys(CANCEL).filter((stage) => ASKED.includes(stage) || known.has(stage)).map((stage) => {
    const { fee_bp: bp, fee_minor: minor } = known.get(stage) ?? {};
    const input = preset(h('input', { type: 'number', min: '0', max: '100', step: '0.01' }), known.has(stage) ? String((bp ?? 0) / 100) : '');
    const label = word(stage === 'pending' ? 'confirmed' : stage);
    return { stage, input, label, minor: minor ?? 0, box: field(label, input, minor ? t('quote.cancel.plus', { fee: money(units(minor), currency) }) : null) };
  });
  const said = h('p', { class: 'hint' });
  const used = () => rows.filter(({ stage, input }) => input.value !== '' && (CANCEL[stage]?.includes(way.value) ?? true));
  const show = () => {
    for (const { stage, box } of rows) box.hidden = !(CANCEL[stage]?.includes(way.value) ?? true);
    const all = used().map(({ label, input, minor }) => t('quote.cancel.from', { stage: label, fee: `${input.value} %${minor ? ` + ${money(units(minor), currency)}` : ''}` }));
    put(said, all.length ? t('quote.cancel.says', { all: all.join('; ') }) : t('quote.cancel.free'));
  };
  show();
  return {
    shown: [said, h('details', null, h('summary', null, t('quote.cancel')), h('p', { class: 'hint' }, t('quote.cancel.how')), h('div', { class: 'facets' }, rows.map(({ box }) => box)))],
    show,
    read: () => used().map(({ stage, input, minor }) => ({ stage, fee_bp: Math.round(Number(input.value) * 100), ...(minor ? { fee_minor: units(minor) } : {}) })),
  };
}
