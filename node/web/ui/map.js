// An outline map: points where they lie, the area that they span, a scale. Nothing is fetched.

import { svg } from './charts.js';

const SIDE = 600;
const EDGE = 30;
/** Metres of a degree of latitude. */
const DEGREE = 111320;

/** Metres between two places in 1e-7 degrees. */
export function metres(a, b) {
  const rad = (value) => (value / 1e7) * (Math.PI / 180);
  const [lat, lon] = [rad(b.lat - a.lat), rad(b.lon - a.lon)];
  const inner = Math.sin(lat / 2) ** 2 + Math.cos(rad(a.lat)) * Math.cos(rad(b.lat)) * Math.sin(lon / 2) ** 2;
  return 2 * 6371000 * Math.asin(Math.min(1, Math.sqrt(inner)));
}

/** A length as people say it. */
export const length = (m) => (m < 1000 ? `${Math.round(m / 10) * 10} m` : `${(m / 1000).toFixed(m < 10000 ? 1 : 0)} km`);

/** "60.17,24.94" in 1e-7 degrees; null where it is no place. */
export function placeOf(text) {
  const found = /^\s*(-?\d{1,2}(?:\.\d+)?)\s*[,;]\s*(-?\d{1,3}(?:\.\d+)?)\s*$/.exec(text ?? '');
  if (!found) return null;
  const [lat, lon] = found.slice(1).map((degrees) => Math.round(Number(degrees) * 1e7));
  return Math.abs(lat) <= 9e8 && Math.abs(lon) <= 18e8 ? { lat, lon } : null;
}

/** The line around points: Andrew's monotone chain. */
function around(points) {
  const sorted = [...points].sort((a, b) => a.x - b.x || a.y - b.y);
  const turn = (o, a, b) => (a.x - o.x) * (b.y - o.y) - (a.y - o.y) * (b.x - o.x);
  const half = (list) => {
    const chain = [];
    for (const point of list) {
      while (chain.length > 1 && turn(chain[chain.length - 2], chain[chain.length - 1], point) <= 0) chain.pop();
      chain.push(point);
    }
    return chain.slice(0, -1);
  };
  return [...half(sorted), ...half(sorted.reverse())];
}

/** A map of places {lat, lon, name, strong}; `here` is where the reader looks from. `pick` is told where somebody presses. */
export function map(places, here, label, pick = null) {
  const all = here ? [...places, here] : places;
  const made = svg('svg', { viewBox: `0 0 ${SIDE} ${SIDE}`, role: 'img', 'aria-label': label, class: 'map' });
  if (!all.length) return made;
  const lats = all.map((it) => it.lat);
  const lons = all.map((it) => it.lon);
  const [south, north, west, east] = [Math.min(...lats), Math.max(...lats), Math.min(...lons), Math.max(...lons)];
  const narrow = Math.max(0.05, Math.cos((((south + north) / 2e7) * Math.PI) / 180));
  // a place alone still has some ground around it
  const span = Math.max(north - south, (east - west) * narrow, 20000);
  const perUnit = (SIDE - 2 * EDGE) / span;
  const [midLat, midLon] = [(south + north) / 2, (west + east) / 2];
  const at = ({ lat, lon }) => ({ x: SIDE / 2 + (lon - midLon) * narrow * perUnit, y: SIDE / 2 - (lat - midLat) * perUnit });
  const spots = places.map(at);
  if (pick) {
    made.classList.add('pick');
    made.addEventListener('click', ({ clientX, clientY }) => {
      const box = made.getBoundingClientRect();
      const [x, y] = [((clientX - box.left) / box.width) * SIDE, ((clientY - box.top) / box.height) * SIDE];
      const [lat, lon] = [midLat - (y - SIDE / 2) / perUnit, midLon + (x - SIDE / 2) / perUnit / narrow];
      pick({ lat: Math.round(Math.min(9e8, Math.max(-9e8, lat))), lon: Math.round(Math.min(18e8, Math.max(-18e8, lon))) });
    });
  }
  if (spots.length > 2) made.append(svg('polygon', { class: 'outline', points: around(spots).map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ') }));
  places.forEach((place, index) => {
    const { x, y } = spots[index];
    made.append(svg('circle', { cx: x.toFixed(1), cy: y.toFixed(1), r: place.strong ? 6 : 3, class: place.strong ? 'spot strong' : 'spot' }, svg('title', {}, place.name ?? '')));
  });
  if (here) {
    const { x, y } = at(here);
    made.append(svg('path', { class: 'here', d: `M${x - 9} ${y}h18M${x} ${y - 9}v18` }));
  }
  // a round length that is at most a third of the side
  const perPixel = (span / 1e7) * DEGREE / (SIDE - 2 * EDGE);
  const most = (SIDE / 3) * perPixel;
  const ten = 10 ** Math.floor(Math.log10(most));
  const bar = [5, 2, 1].map((step) => step * ten).find((step) => step <= most) ?? ten;
  made.append(svg('path', { class: 'axis', d: `M${EDGE} ${SIDE - 12}v-6m0 3h${(bar / perPixel).toFixed(1)}m0 -3v6` }));
  made.append(svg('text', { x: EDGE, y: SIDE - 22, class: 'scale' }, length(bar)));
  return made;
}
