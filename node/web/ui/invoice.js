// An order on paper: what was agreed, what it costs, what is paid. Made to be printed.

import { h, pairs } from './elements.js';
import { t, word } from './words.js';
import { api, heading, to } from './app.js';
import { digits, instant, money, short, units } from './format.js';
import { asked, zoneOf } from './requests.js';
import { offerOf } from './offers.js';
import { placed } from './zones.js';

/** The order of a relation; `#/invoice/TOPIC/KEY`. */
export async function invoice({ topics, me, mine, parts: [topic, key, shape = 'invoice'] }) {
  const at = `/topics/${encodeURIComponent(topic)}`;
  const [{ rows: [row] }, { rows: lines }, { rows: payments }, { entries }] = await Promise.all([
    api.get(`${at}/rows/orders/${encodeURIComponent(key)}`), api.rows(topic, 'lines', { prefix: key }), api.rows(topic, 'payments', { prefix: key }),
    api.get(`${at}/explain/${encodeURIComponent(key)}`),
  ]);
  const { columns } = row;
  const said = offerOf(columns, entries);
  const [agreed, offer] = [said?.id ?? '', said?.body];
  const own = topics.find((it) => it.app === 'space' && it.topic === digits(lines[0]?.columns.space));
  const space = own && (await api.rows(own.topic, 'space').catch(() => ({ rows: [] }))).rows[0]?.columns;
  const [place] = own ? (await api.rows(own.topic, 'places', { limit: 1 }).catch(() => ({ rows: [] }))).rows : [];
  const currency = columns.currency;
  const show = (value) => money(units(value), currency);
  const total = units(columns.total);
  const paid = payments.reduce((sum, it) => sum + units(it.columns.paid) - units(it.columns.refunded), 0);
  const zone = await zoneOf(entries, columns);
  const name = topics.find((it) => it.topic === topic)?.name;
  const isInvoice = shape === 'invoice';
  const cell = (text) => h('td', null, text);
  const head = (...names) => h('thead', null, h('tr', null, names.map((name) => h('th', { scope: 'col' }, name))));
  return h('article', { class: 'paper' },
    h('p', { class: 'row noprint' }, h('a', { href: to('order', topic, 'orders', key) }, t('back')),
      (isInvoice || columns.agree) && h('a', { href: to('invoice', topic, key, isInvoice ? 'order' : 'invoice') }, t(isInvoice ? 'invoice.order' : 'invoice')),
      h('button', { type: 'button', class: 'main', onclick: () => print() }, t('order.print'))),
    heading(t(isInvoice ? 'invoice.of' : 'order.of', { id: short(columns.order) })),
    h('div', { class: 'sides' },
      h('div', null, h('h2', null, t('invoice.from')), h('p', null, space?.name ?? own?.name ?? short(columns.provider ?? me.entity)),
        place && h('p', null, place.columns.address ?? ''), space?.website && h('p', null, space.website), h('p', { class: 'soft' }, short(columns.provider ?? ''))),
      h('div', null, h('h2', null, t('invoice.to')), h('p', null, mine(columns.client) ? me.device_name : name ?? ''), columns.place && h('p', null, columns.place),
        h('p', { class: 'soft' }, short(columns.client)))),
    pairs([[t('invoice.date'), instant(columns.updated)], [t('invoice.number'), digits(columns.order).slice(0, 16)], [t('invoice.state'), word(columns.state)], ...asked(entries, digits(columns.order), { zone, when: (start, end) => placed(start, end, zone) })]),
    offer?.breakup?.length
      ? h('table', null, head(t('quote.part'), t('invoice.amount')), h('tbody', null, offer.breakup.map((part) => h('tr', null, cell(part.title), cell(show(part.amount))))),
        h('tfoot', null, h('tr', null, h('th', { scope: 'row' }, t('invoice.total')), h('th', null, money(total, currency)))))
      : h('table', null, head(t('order.lines'), t('invoice.quantity')), h('tbody', null, lines.map((line) => h('tr', null, cell(line.columns.title ?? line.columns.item), cell(line.columns.quantity))))),
    isInvoice && payments.length > 0 && [h('h2', null, t('order.pay')), h('table', null, head(t('money.leg'), t('invoice.amount'), t('money.paid'), t('money.until')),
      h('tbody', null, payments.map((it) => h('tr', null, cell(word(it.columns.leg)), cell(show(it.columns.amount)), cell(show(it.columns.paid)), cell(instant(it.columns.due))))),
      h('tfoot', null, h('tr', null, h('th', { scope: 'row', colspan: '3' }, t('invoice.open')), h('th', null, money(Math.max(0, units(columns.balance ?? total - paid)), currency)))))],
    h('p', { class: 'soft' }, columns.agree ? t('invoice.proof', { id: agreed.slice(0, 16) }) : t('invoice.notyet')));
}
