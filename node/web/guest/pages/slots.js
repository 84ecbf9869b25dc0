// Which times of a resource are free, by its rules, exceptions and what is taken: the same
// as the app `space` decides, so that what is offered is not refused. Pure.

const DAY = 86400000;

/** Milliseconds by which the clock on the wall is ahead of UTC at an instant; null: unknown. */
export function offsetAt(offsets, at) {
  let found = null;
  for (const [from, seconds] of offsets ?? []) {
    if (from > at) break;
    found = seconds * 1000;
  }
  return found;
}

/** What the clock of a resource shows at an instant, as milliseconds of a day in UTC. */
export const wall = ({ offsets }, at) => at + (offsetAt(offsets, at) ?? (offsets?.[0]?.[1] ?? 0) * 1000);

/** The instant at which the clock of a resource shows something; in an hour that is skipped, behind it. */
export function instantAt(resource, shown) {
  const before = (at) => wall(resource, at) - at;
  const guess = shown - before(shown);
  const better = shown - before(guess);
  return wall(resource, better) === shown ? better : Math.max(guess, better);
}

/** The local days on which a rule may have begun that still holds at an instant. */
const daysAt = (local) => [Math.floor(local / DAY), Math.floor(local / DAY) - 1];

/** 0 is Monday; 1970-01-01 was a Thursday. */
const weekday = (day) => (((day + 3) % 7) + 7) % 7;

function held(rule, local) {
  return daysAt(local).some((day) => {
    if (!rule.days.includes(weekday(day))) return false;
    if (rule.since !== undefined && rule.since !== null && day < rule.since) return false;
    if (rule.until !== undefined && rule.until !== null && day > rule.until) return false;
    const length = (rule.to_s > rule.from_s ? rule.to_s : rule.to_s + 86400) * 1000;
    const within = local - day * DAY;
    return within >= rule.from_s * 1000 && within < length;
  });
}

/** Whether an instant is within the hours. */
function open(resource, at) {
  if ((resource.except ?? []).some(({ start, end }) => at >= start && at < end)) return false;
  const offset = offsetAt(resource.offsets, at);
  return offset !== null && (resource.rules ?? []).some((rule) => held(rule, at + offset));
}

/** Seats that are left from start until end. */
export function left(resource, taken, start, end) {
  const buffer = (resource.buffer_s ?? 0) * 1000;
  const over = taken.filter((slot) => slot.start < end + buffer && start < slot.end + buffer);
  const edges = [start, ...over.map((slot) => slot.start).filter((at) => at > start)];
  const most = edges.map((at) => over.filter((slot) => slot.start <= at && at < slot.end + buffer).reduce((sum, slot) => sum + slot.seats, 0));
  return resource.capacity - Math.max(0, ...most);
}

/** Free times of the same length near one that is gone: some days around it, the nearest first chosen. */
export function near(resource, taken, { start, end, seats, now, step, most }) {
  const found = free(resource, taken, { from: start - 2 * DAY, to: start + 7 * DAY, length: end - start, step, seats, now });
  const nearest = found.sort((a, b) => Math.abs(a.start - start) - Math.abs(b.start - start)).slice(0, most);
  return nearest.sort((a, b) => a.start - b.start);
}

/**
 * The free times between two instants: `length` ms long, one each `step` ms of the
 * resource's clock, for so many seats.
 */
export function free(resource, taken, { from, to, length, step, seats, now }) {
  const found = [];
  const first = Math.max(from, now + (resource.notice_s ?? 0) * 1000);
  const offset = offsetAt(resource.offsets, first) ?? 0;
  let start = Math.ceil((first + offset) / step) * step - offset;
  for (; start < to; start += step) {
    const end = start + length;
    let whole = true;
    for (let at = start; at < end && whole; at += Math.min(step, 900000)) whole = open(resource, at);
    if (whole && open(resource, end - 1) && left(resource, taken, start, end) >= seats) found.push({ start, end });
  }
  return found;
}
