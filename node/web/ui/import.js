// A catalog from a file: dropped or chosen, looked at, written, with what was refused and
// why. The node does it; this page may be closed meanwhile.

import { h, pairs, put, scroll } from './elements.js';
import { t, word } from './words.js';
import { api, heading, problem, refresh, to } from './app.js';
import { field, form, preset } from './forms.js';
import { shown } from './format.js';
import { here } from './zones.js';

/** Bytes of a file that the node takes. */
const MOST = 64 * 1024 * 1024;
/** Fields that a column can fill. */
const FIELDS = ['item', 'title', 'description', 'price', 'price_max', 'currency', 'per_unit', 'stock', 'schema', 'place', 'name', 'category', 'lat', 'lon', 'address',
  'opening_hours', 'zone', 'phone', 'website', 'email', 'source', 'fulfilment', 'image', 'attributes.…'];
/** Files of spreadsheets: their programs save tables, too. */
const SHEET = /\.(xlsx?|xlsm|xlsb|ods|numbers)$/i;
/** Milliseconds between two looks at an import that is under way. */
const LOOK = 400;

const busy = (job) => ['looking', 'writing'].includes(job.stage);

/** The screen; `#/import/TOPIC`. */
export async function imports(context) {
  const { topics, me, parts: [chosen] } = context;
  const spaces = topics.filter((topic) => topic.app === 'space' && topic.sequencer === me.device);
  if (!spaces.length) return [heading(t('import')), h('p', null, t('catalog.none')), h('p', null, h('a', { href: to('begin', 'space') }, t('begin.space')))];
  const target = h('select', null, spaces.map((topic) => h('option', { value: topic.topic, selected: topic.topic === chosen }, topic.name)));
  const jobs = h('div');
  const timers = [];
  let over = false;
  context.leave = () => { over = true; timers.forEach(clearTimeout); };
  const draw = async () => {
    const { imports: all } = await api.get('/imports');
    put(jobs, all.reverse().map((job) => slot(job.import)));
  };
  // each has a place of its own, so that one that changes does not disturb the others
  const slot = (id) => {
    const place = h('div', { class: 'card', role: 'group', 'aria-label': t('import') });
    const look = async () => {
      if (over) return;
      try {
        const job = await api.get(`/imports/${id}`);
        const sign = JSON.stringify(job);
        if (place.sign !== sign && !typing(place)) {
          place.sign = sign;
          put(place, one(job, spaces, look, draw));
        }
        if (busy(job)) timers.push(setTimeout(look, LOOK));
      } catch (error) {
        put(place, problem(error));
      }
    };
    look();
    return place;
  };
  await draw();
  const wrong = h('div');
  const give = async (files) => {
    wrong.replaceChildren();
    for (const file of files) {
      try {
        if (SHEET.test(file.name)) throw new Error(t('import.sheet', { name: file.name }));
        if (file.size > MOST) throw Object.assign(new Error(t('import.large', { name: file.name, n: MOST >> 20 })), { hint: t('import.command') });
        const [space] = (await api.rows(target.value, 'space')).rows;
        const { currency, zone } = space?.columns ?? {};
        await api.give(file, target.value, { ...(currency && { currency }), ...(zone && { zone }) });
      } catch (error) {
        wrong.append(problem(error));
      }
    }
    await draw();
  };
  const choose = h('input', { type: 'file', accept: '.csv,.tsv,.txt,.jsonl,.ndjson,.json,.jsonld,.pbf', multiple: true });
  choose.addEventListener('change', async () => { await give(choose.files); choose.value = ''; });
  const zone = h('div', { class: 'drop' }, h('p', null, t('import.drop')), field(t('import.choose'), choose, t('import.choose.how')));
  for (const name of ['dragenter', 'dragover']) zone.addEventListener(name, (event) => { event.preventDefault(); zone.classList.add('over'); });
  zone.addEventListener('dragleave', () => zone.classList.remove('over'));
  zone.addEventListener('drop', (event) => { event.preventDefault(); zone.classList.remove('over'); give(event.dataTransfer.files); });
  return [
    heading(t('import')), h('p', null, t('import.how')),
    spaces.length > 1 && field(t('import.to'), target), zone, wrong, jobs,
  ];
}

/** What ends the reading of a file: the command reads it from its input and speaks of options, which nobody types here. */
function ended({ title, ...more }) {
  const text = title.includes('no column is title, item or name') ? t('import.untitled', { fields: FIELDS.join(', ') }) : title.replace(/^-: /, '');
  return problem(Object.assign(new Error(text), more));
}

const typing = (place) => [...place.querySelectorAll('input, textarea')].some((input) => input.value !== input.defaultValue);

const lines = (columns) => Object.entries(columns ?? {}).map(([column, of]) => `${column}=${of}`).join('\n');

function one(job, spaces, look, draw) {
  const act = (action, more = {}) => api.post(`/imports/${job.import}`, { action, ...more });
  const wrong = h('div');
  const button = (label, action, main, after = look) => h('button', {
    type: 'button',
    class: main ? 'main' : null,
    onclick: () => act(action, ['run', 'preview'].includes(action) ? said() : {}).then(after, (error) => put(wrong, problem(error))),
  }, label);
  const said = () => Object.fromEntries(Object.entries({ format: job.format, currency: job.currency, zone: job.zone, kind: job.kind, columns: job.columns })
    .filter(([, value]) => value !== null && value !== undefined && Object.keys(Object(value)).length !== 0 || typeof value === 'string'));
  const bar = h('progress', { max: job.size, 'aria-label': t('import.progress') });
  if (job.format !== 'osm') bar.value = job.read;
  const summary = job.summary;
  return [
    h('h2', null, job.name),
    h('p', { class: 'row' }, h('span', { class: 'badge' }, t(`import.${job.stage}`)), h('span', { class: 'soft' }, `${job.format} · ${new Intl.NumberFormat().format(job.size)} bytes · ${spaces.find((it) => it.topic === job.topic)?.name ?? ''}`)),
    busy(job) && [bar, h('p', { role: 'status' }, job.stage === 'writing' ? t('import.written', { n: job.entries }) : t('import.seen', { n: job.events }))],
    job.problem && ended(job.problem),
    wrong,
    summary && told(summary),
    job.preview.length > 0 && h('details', { open: job.stage === 'ready' }, h('summary', null, t('import.first', { n: job.preview.length, all: job.events })), preview(job.preview)),
    h('p', { class: 'row' },
      ['ready', 'cancelled', 'failed'].includes(job.stage) && job.events > 0 && button(t('import.run', { n: summary?.dry_run ? job.events : '' }), 'run', true, async () => { await look(); setTimeout(refresh, 0); }),
      busy(job) && button(t('cancel'), 'cancel'),
      !busy(job) && button(t('import.forget'), 'forget', false, draw),
      job.stage === 'done' && h('a', { href: to('catalog', job.topic) }, t('catalog'))),
    !busy(job) && job.stage !== 'done' && options(job, act, look),
  ];
}

function options(job, act, look) {
  const format = h('select', null, ['csv', 'jsonl', 'schema-org', 'osm'].map((name) => h('option', { value: name, selected: name === job.format }, name)));
  const currency = preset(h('input', { maxlength: '3', pattern: '[A-Z]{3}', autocomplete: 'off' }), job.currency);
  const zone = preset(h('input', { autocomplete: 'off' }), job.zone ?? '');
  const kind = preset(h('input', { autocomplete: 'off' }), job.kind);
  const columns = preset(h('textarea', { spellcheck: 'false' }), lines(job.columns));
  return h('details', { open: job.stage === 'failed' || job.events === 0 }, h('summary', null, t('import.options')), form([
    field(t('import.format'), format), field(t('first.currency'), currency), field(t('hours.zone'), zone, here()),
    job.format === 'csv' && field(t('import.columns'), columns, t('import.columns.how', { example: 'Artikelname=title', fields: FIELDS.join(', ') })), job.format === 'jsonl' && field(t('import.kind'), kind, 'item.put'),
  ], t('import.again'), async () => {
    const more = { format: format.value };
    if (currency.value) more.currency = currency.value;
    if (zone.value) more.zone = zone.value;
    if (kind.value) more.kind = kind.value;
    const pairs = columns.value.split('\n').map((line) => line.split('=')).filter((pair) => pair.length > 1 && pair[0].trim());
    if (pairs.length) more.columns = Object.fromEntries(pairs.map((pair) => [pair.slice(0, -1).join('=').trim(), pair.at(-1).trim()]));
    await act('preview', more);
    for (const input of [currency, zone, kind, columns]) input.defaultValue = input.value;
    await look();
  }));
}

/** What became of all lines, and what was refused, by line. */
function told(summary) {
  const counts = summary.lines === undefined
    ? [[t('import.places'), tally(summary.places)], [t('import.items'), tally(summary.items)], [t('import.written.n'), summary.dry_run ? null : summary.written], [t('import.same'), summary.skipped]]
    : [[t('import.lines'), summary.lines], [t('import.written.n'), summary.dry_run ? null : summary.written], [t('import.same'), summary.skipped]];
  const reasons = (list) => list.flatMap((it) => (it.examples
    ? it.examples.map((example) => [example.at, example.reason, it.code]).concat(it.count > it.examples.length ? [['…', t('import.others', { n: it.count - it.examples.length }), it.code]] : [])
    : [[t('import.line', { n: it.line }), it.reason, it.code]]));
  const table = (title, list) => list?.length > 0 && [h('h3', null, title), scroll(title, h('table', null,
    h('thead', null, h('tr', null, [t('import.where'), t('import.why'), ''].map((name) => h('th', { scope: 'col' }, name || t('import.code'))))),
    h('tbody', null, reasons(list).map(([at, why, code]) => h('tr', null, h('td', null, at), h('td', null, why), h('td', null, h('code', null, code))))))),
    ];
  return [pairs(counts), summary.left_out?.length > 0 && h('p', { class: 'warn' }, t('import.leftout', { columns: summary.left_out.join(', ') }), summary.dry_run && ` ${t('import.leftout.how')}`), table(t('import.refused'), summary.refused), summary.refused_more > 0 && h('p', null, t('import.others', { n: summary.refused_more })), table(t('import.noted'), summary.noted)];
}

const tally = (it) => it && t('import.tally', { new: it.new, changed: it.changed, same: it.same });

function preview(events) {
  return scroll(t('import.preview'), h('table', null,
    h('thead', null, h('tr', null, [t('import.what'), t('item.slug'), t('item.title'), t('item.price')].map((name) => h('th', { scope: 'col' }, name)))),
    h('tbody', null, events.map(({ kind, body }) => h('tr', null, h('td', null, word(kind)), h('td', null, body?.item ?? body?.place ?? ''), h('td', null, body?.title ?? body?.name ?? shown(body).slice(0, 120)),
      h('td', null, body?.price ? shown({ minor: body.price.min ?? 0, currency: body.price.currency ?? '' }) : ''))))));
}
