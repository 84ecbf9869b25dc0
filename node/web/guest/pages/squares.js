// A short text as a QR code (ISO/IEC 18004): always version 4 with the lowest level of
// correction, one block of 80 bytes and 20 that check it. Screens are read well; the mask is
// fixed, since any is read. Pure.

/** Squares on each side. */
export const SIZE = 33;
/** Bytes of a text that find room. */
export const ROOM = 78;
const DATA = 80;
const CHECK = 20;
/** The middle of the small pattern that tells how the picture is bent. */
const BEND = 26;
/** Level L with mask 0, checked and masked as the standard has it. */
const FORMAT = format(0b01000);

/** The product in the field of 256 elements that the code is over. */
function times(a, b) {
  let product = 0;
  for (let bit = 7; bit >= 0; bit -= 1) {
    product = (product << 1) ^ ((product >> 7) * 0x11d);
    if ((b >> bit) & 1) product ^= a;
  }
  return product;
}

/** The bytes that check others: what is left when they are divided by the generator. */
function checks(bytes) {
  let generator = [1];
  for (let power = 0, root = 1; power < CHECK; power += 1, root = times(root, 2)) {
    generator = [...generator, 0].map((one, at) => one ^ (at ? times(generator[at - 1], root) : 0));
  }
  const rest = [...bytes, ...new Array(CHECK).fill(0)];
  for (let at = 0; at < bytes.length; at += 1) {
    const lead = rest[at];
    generator.forEach((one, by) => { rest[at + by] ^= times(one, lead); });
  }
  return rest.slice(bytes.length);
}

function format(data) {
  let rest = data;
  for (let step = 0; step < 10; step += 1) rest = (rest << 1) ^ ((rest >> 9) * 0x537);
  return ((data << 10) | rest) ^ 0x5412;
}

/** The text with its mode and length, filled up. */
function packed(text) {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > ROOM) throw new RangeError(`${bytes.length} bytes find no room in a code`);
  const halves = [4, bytes.length >> 4, bytes.length & 15, ...[...bytes].flatMap((byte) => [byte >> 4, byte & 15]), 0];
  const data = [];
  for (let at = 0; at < halves.length; at += 2) data.push((halves[at] << 4) | halves[at + 1]);
  for (let pad = 0xec; data.length < DATA; pad ^= 0xec ^ 0x11) data.push(pad);
  return data;
}

/** The rows of the code for a text: true is dark. */
export function squares(text) {
  const rows = Array.from({ length: SIZE }, () => new Array(SIZE).fill(null));
  const set = (x, y, dark) => { if (rows[y]?.[x] !== undefined) rows[y][x] = Boolean(dark); };
  for (let at = 0; at < SIZE; at += 1) { set(at, 6, at % 2 === 0); set(6, at, at % 2 === 0); }
  const around = (x, y, reach, light) => {
    for (let dx = -reach; dx <= reach; dx += 1) for (let dy = -reach; dy <= reach; dy += 1) set(x + dx, y + dy, !light.includes(Math.max(Math.abs(dx), Math.abs(dy))));
  };
  for (const [x, y] of [[3, 3], [SIZE - 4, 3], [3, SIZE - 4]]) around(x, y, 4, [2, 4]);
  around(BEND, BEND, 2, [1]);
  const bit = (at) => (FORMAT >> at) & 1;
  for (let at = 0; at < 15; at += 1) {
    if (at < 8) { set(8, at < 6 ? at : at + 1, bit(at)); set(SIZE - 1 - at, 8, bit(at)); }
    else { set(at === 8 ? 7 : 14 - at, 8, bit(at)); set(8, SIZE - 15 + at, bit(at)); }
  }
  set(8, SIZE - 8, true);
  const data = packed(text);
  const all = [...data, ...checks(data)];
  let next = 0;
  // two columns at a time from the right, up and down by turns
  for (let right = SIZE - 1, up = true; right > 0; right -= 2, up = !up) {
    if (right === 6) right = 5;
    for (let step = 0; step < SIZE; step += 1) {
      for (const x of [right, right - 1]) {
        const y = up ? SIZE - 1 - step : step;
        if (rows[y][x] !== null) continue;
        const dark = (all[next >> 3] >> (7 - (next & 7))) & 1;
        rows[y][x] = Boolean(dark ^ Number((x + y) % 2 === 0));
        next += 1;
      }
    }
  }
  return rows;
}
