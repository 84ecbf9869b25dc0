// Tallies: opened, added to, closed, and who gave how much.

import { connect, digits, formats, redraw, short, translator } from './synlog/app.js';
import { fresh, h, put, scroll } from './synlog/elements.js';
import { words } from './words.js';

const app = await connect();
const t = translator(words, app.about);
const { instant, number } = formats(app.about);
const main = document.getElementById('main');
const topics = app.about.topics;
let topic = topics.find(({ topic }) => topic === app.about.place[0])?.topic ?? topics[0]?.topic;
const list = h('div');

function field(label, control) {
  control.id = fresh('field');
  return h('div', null, h('label', { for: control.id }, label), control);
}

/** A form that says what went wrong, and is not sent twice. */
function form(children, label, act) {
  const told = h('div');
  const button = h('button', { class: 'main', type: 'submit' }, label);
  const made = h('form', {
    onsubmit: async (event) => {
      event.preventDefault();
      button.disabled = true;
      put(told);
      try {
        await act();
        made.reset();
        made.closest('details')?.removeAttribute('open');
        await show();
      } catch (error) {
        put(told, h('p', { class: 'problem', role: 'alert' }, error.message));
      } finally {
        button.disabled = false;
      }
    },
  }, children, told, h('p', null, button));
  return made;
}

const whole = (control) => {
  const value = Number(control.value);
  if (!Number.isSafeInteger(value)) throw new Error(t('whole'));
  return value;
};

function begin() {
  const [title, unit, goal] = [h('input', { required: true, maxlength: 200, autocomplete: 'off' }), h('input', { required: true, maxlength: 20, autocomplete: 'off' }), h('input', { type: 'number', step: 1, inputmode: 'numeric' })];
  return h('details', null, h('summary', null, t('new')), form([field(t('title'), title), field(t('unit'), unit), field(t('goal'), goal)], t('open'),
    () => app.send(topic, 'tally.open', { title: title.value, unit: unit.value, ...(goal.value ? { goal: whole(goal) } : {}) })));
}

function card(row, givers) {
  const { title, unit, sum, goal, closed, owner, last, note, count } = row.columns;
  const [amount, what] = [h('input', { type: 'number', step: 1, required: true, inputmode: 'numeric' }), h('input', { maxlength: 280, autocomplete: 'off' })];
  const mine = digits(owner) === app.about.me;
  return h('li', { class: 'card' }, h('h2', { class: 'name' }, title, ' ', closed && h('span', { class: 'badge soft' }, t('closed')), row.tentative && h('span', { class: 'badge warn' }, `○ ${t('tentative')}`)),
    h('p', null, h('strong', null, t(goal ? 'of' : 'sum', { sum: number(sum), goal: number(goal ?? 0), unit }))),
    goal > 0 && h('progress', { max: goal, value: Math.max(0, Math.min(goal, sum)), 'aria-label': `${t('progress')}: ${title}` }),
    count > 0 && h('p', { class: 'soft' }, t('last', { when: instant(last) }), note && ` – ${note}`),
    givers.length > 0 && h('details', null, h('summary', null, t('givers')), scroll(`${t('givers')}: ${title}`, h('table', null,
      h('thead', null, h('tr', null, ['entity', 'number'].map((name) => h('th', { scope: 'col' }, t(name))))),
      h('tbody', null, givers.map((giver) => h('tr', null, h('td', null, digits(giver.columns.entity) === app.about.me ? t('you') : h('code', null, short(giver.columns.entity))), h('td', null, number(giver.columns.sum)))))))),
    !closed && form([field(t('amount', { unit }), amount), field(t('note'), what)], t('add'),
      () => app.send(topic, 'tally.add', { tally: row.key, amount: whole(amount), ...(what.value ? { note: what.value } : {}) })),
    h('div', { class: 'row' }, !closed && mine && h('button', { type: 'button', onclick: (event) => close(event.target, row) }, t('close')),
      h('button', { type: 'button', onclick: () => app.open('audit', topic) }, t('history'))));
}

async function close(button, row) {
  button.disabled = true;
  try {
    await app.send(topic, 'tally.close', { tally: row.key });
    await show();
  } catch (error) {
    button.replaceWith(h('p', { class: 'problem', role: 'alert' }, error.message));
  }
}

/** Whether somebody writes: what is typed stays. */
const writing = () => [...list.querySelectorAll('input')].some((input) => input.value !== input.defaultValue);

async function everything(table) {
  const rows = [];
  for await (const row of app.allRows(table, { topic })) rows.push(row);
  return rows;
}

async function show() {
  const [tallies, givers] = await Promise.all([everything('tallies'), everything('givers')]);
  if (writing()) return;
  const of = Map.groupBy(givers, ({ key }) => key);
  tallies.sort((a, b) => Number(a.columns.closed) - Number(b.columns.closed) || (b.columns.last ?? 0) - (a.columns.last ?? 0));
  redraw(list, () => put(list, tallies.length ? h('ul', { class: 'cards' }, tallies.map((row) => card(row, of.get(row.key) ?? []))) : h('p', { class: 'soft' }, t('none'))));
}

const failed = (error) => put(list, h('p', { class: 'problem', role: 'alert' }, error.message));

if (topic) {
  const pick = h('select', { onchange: () => { topic = pick.value; show().catch(failed); } }, topics.map((it) => h('option', { value: it.topic, selected: it.topic === topic }, it.name ?? short(it.topic))));
  put(main, topics.length > 1 && field(t('topic'), pick), begin(), list);
  await show().catch(failed);
  await app.watch((changed) => { if (changed.includes(topic)) show().catch(failed); });
} else {
  put(main, h('p', { class: 'soft' }, t('notopic')));
}
