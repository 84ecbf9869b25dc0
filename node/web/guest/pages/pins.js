// The released reducers whose rules this page applies where a topic names none: the hash of
// apps/relation/relation.wasm, as in apps/PINS (a test compares them).

export const PINS = [
  { app: 'relation', major: 1, hash: 'a5c9484d3cffb1787feb9672a9e3444a02f73743a8256f3594e9bc7dc309b128' },
];
