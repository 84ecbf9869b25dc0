// Bars, drawn as SVG. A table beside them says the same.

const svg = (name, properties, ...children) => {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(properties)) made.setAttribute(key, String(value));
  made.append(...children);
  return made;
};
export { svg };

const WIDTH = 640;
const HEIGHT = 220;
const FOOT = 24;
const HEAD = 16;

/** Stacked bars: groups of {name, parts: [[tone, value]]}; `show` tells a value. */
export function bars(groups, label, show) {
  const most = Math.max(1, ...groups.map(({ parts }) => parts.reduce((sum, [, value]) => sum + Math.max(0, value), 0)));
  const step = WIDTH / Math.max(1, groups.length);
  const made = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': label, class: 'chart' });
  const inside = HEIGHT - FOOT - HEAD;
  made.append(svg('line', { x1: 0, x2: WIDTH, y1: HEIGHT - FOOT, y2: HEIGHT - FOOT, class: 'axis' }));
  made.append(svg('text', { x: 2, y: 12, class: 'scale' }, show(most)));
  groups.forEach(({ name, parts }, at) => {
    let top = HEIGHT - FOOT;
    const wide = Math.min(48, step * 0.7);
    for (const [tone, value] of parts) {
      const height = (Math.max(0, value) / most) * inside;
      if (!height) continue;
      top -= height;
      made.append(svg('rect', { x: at * step + (step - wide) / 2, y: top, width: wide, height, class: `bar ${tone}` }, svg('title', {}, `${name}: ${show(value)}`)));
    }
    made.append(svg('text', { x: at * step + step / 2, y: HEIGHT - 6, class: 'name', 'text-anchor': 'middle' }, name));
  });
  return made;
}
