// The page of the app. `synlog/` is brought by synlog; synlog/app.d.ts says what is in it.

import { connect } from './synlog/app.js';
import { h, put } from './synlog/elements.js';

const app = await connect();
const main = document.getElementById('main');
const topic = app.about.place[0] ?? app.about.topics[0]?.topic;

async function show() {
  const { rows } = await app.rows('things', { topic });
  const title = h('input', { 'aria-label': 'What is to be done' });
  const add = h('form', {
    onsubmit: (event) => {
      event.preventDefault();
      write('add', { title: title.value });
    },
  }, title, h('button', { class: 'main' }, 'Add'));
  put(main, add, h('ul', null, rows.map((row) => h('li', null, row.columns.title, ' ', row.columns.done_by
    ? '✓'
    : h('button', { onclick: () => write('done', { thing: row.key }) }, 'Done')))));
}

async function write(what, body) {
  await app.send(topic, `{{name}}.${what}`, body).catch((error) => app.notice(error.message));
  await show();
}

if (topic) {
  await show();
  await app.watch(show);
} else {
  put(main, h('p', null, 'There is no topic yet: synlog topic new NAME --app {{name}}'));
}
