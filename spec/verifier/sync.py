"""Page 12: rows of feeds, and the messages of two nodes."""

from .blake3 import keyed
from .encoding import H, Reader, Refused, option, varint

MESSAGE_MAX = 1060928 + 64
RUN_MAX = 1048576 + 48 * 256
LIST_MAX = 8192
KEY_BITS, TOPIC_BITS = 512, 256
BLOB_MAX = 1 << 26
NAMES = ("hello topics matched reconcile runs heads want want_entries trail proof statements"
         " known receipt credit check prune blob letter").split()


def row_hash(row):
    topic, author, height, head, forked_at = row
    fork = b"\0" if forked_at is None else b"\1" + varint(forked_at)
    return H("row", topic + author + varint(height) + option(head) + fork)


def rows_hash(rows):
    """The hash of a set of rows, each of another feed."""
    if not rows:
        return bytes(32)
    if len(rows) == 1:
        return row_hash(rows[0])

    def bit(row, at):
        return (row[0] + row[1])[at // 8] >> (7 - at % 8) & 1

    at = 0
    while len({bit(row, at) for row in rows}) == 1:
        at += 1
    halves = [rows_hash([row for row in rows if bit(row, at) == side]) for side in (0, 1)]
    return H("rows", halves[0] + halves[1])


class Meeting:
    def __init__(self, caller, called):
        self.key = H("meeting", caller + called)

    def short(self, kind, name):
        return keyed(self.key, bytes((kind,)) + name)[:8]


def _left_over(raw, bits):
    if bits % 8 and raw[-1] & 0xFF >> bits % 8:
        raise Refused("not_canonical", "bits left over")


def _bits(r, count):
    _left_over(r.take((count + 7) // 8), count)


def _list(r, limit, item, least=1):
    count = r.count(limit)
    items = [item(r) for _ in range(count)]
    if count < least:
        raise Refused("not_canonical", "an empty list")
    return items


def _short(r):
    return r.take(8)


def _ascending(items):
    if any(a >= b for a, b in zip(items, items[1:])):
        raise Refused("not_canonical", "not ascending")


def _state(r):
    if r.varint() > 0:
        r.take(8)
    if r.flag():
        r.varint()


def _row(r):
    r.take(8)
    _state(r)


def _shape(r, depth, leaves):
    """`leaves` is a list of one number: how many there are in the message."""
    tag = r.varint()
    if tag == 0:
        leaves[0] += 1
        if leaves[0] > 4096:
            raise Refused("too_large", "leaves")
        r.take(8)
    elif tag == 1:
        if depth >= TOPIC_BITS:
            raise Refused("not_canonical", "a topic below a topic")
        r.take(4)
        _shape(r, TOPIC_BITS, leaves)
    else:
        skip = tag - 2
        if depth + skip + 1 > KEY_BITS:
            raise Refused("too_large", "deeper than a key")
        raw = r.take((skip + 7) // 8)
        if skip:
            _left_over(raw, skip)
        _shape(r, depth + skip + 1, leaves)
        _shape(r, depth + skip + 1, leaves)


def _part(r, leaves):
    r.count(4096)
    kind = r.u8()
    if kind == 1:
        _shape(r, 0, leaves)
    elif kind == 2:
        _list(r, 256, _short)
    elif kind == 3:
        _bits(r, r.count(256))
        _list(r, 512, _row, 0)
    elif kind != 0:
        raise Refused("not_canonical", "no such part")


def _hello(r):
    r.varint()
    r.take(48)
    if r.flag():
        r.take(16)
        r.varint()
    r.option(16)
    r.varint()
    r.varint()


def _topics(r):
    added, dropped = _list(r, LIST_MAX, _short, 0), _list(r, LIST_MAX, _short, 0)
    _ascending(added)
    _ascending(dropped)
    if not added and not dropped:
        raise Refused("not_canonical", "no topics")


def _reconcile(r):
    leaves = [0]
    _list(r, 2048, lambda r: _part(r, leaves), 0)


def _runs(r):
    r.varint()
    _list(r, 4096, lambda r: r.bytes(RUN_MAX))


def _head(r):
    r.take(40)
    _state(r)


def _wish(r):
    r.take(8)
    if r.varint() > 0:
        r.take(8)


def _mark(r):
    seq = r.varint()
    r.take(8)
    return -seq


def _trail(r):
    r.take(8)
    _ascending(_list(r, 66, _mark, 0))


def _check(r):
    r.take(16)
    for _ in range(3):
        r.varint()


def _span(r):
    first, count = r.varint(), r.varint()
    if not 1 <= count <= 4 or first + count > BLOB_MAX // 16384:
        raise Refused("too_large", "groups of a blob")


def _blob(r):
    r.take(40)
    word = r.u8()
    if word == 0:
        if r.u8() > 2:
            raise Refused("not_canonical", "hops")
    elif word == 1:
        if not 1 <= r.varint() <= BLOB_MAX:
            raise Refused("too_large", "a blob")
    elif word in (2, 3):
        _span(r)
        if word == 3:
            r.bytes(4 * 16384 + 64 * 64)
    elif word != 4 or r.u8() > 1:
        raise Refused("not_canonical", "no such word")


READERS = {
    "hello": _hello, "topics": _topics, "matched": lambda r: _bits(r, r.count(LIST_MAX)),
    "reconcile": _reconcile, "runs": _runs, "heads": lambda r: _list(r, LIST_MAX, _head),
    "want": lambda r: _list(r, LIST_MAX, _wish),
    "want_entries": lambda r: _list(r, LIST_MAX, lambda r: r.take(40)), "trail": _trail,
    "proof": lambda r: r.bytes(262144),
    "statements": lambda r: _list(r, 4096, lambda r: r.bytes(512)),
    "known": lambda r: _ascending(_list(r, LIST_MAX, _short, 0)),
    "receipt": lambda r: r.bytes(16384), "credit": lambda r: r.varint(), "check": _check,
    "prune": lambda r: _list(r, LIST_MAX, _short), "blob": _blob, "letter": lambda r: r.bytes(32768),
}


def message_name(data):
    """Which message it is, if it is a right one."""
    if len(data) > MESSAGE_MAX:
        raise Refused("too_large")
    r = Reader(data)
    number = r.u8()
    if number >= len(NAMES):
        raise Refused("not_canonical", "no such message")
    READERS[NAMES[number]](r)
    r.done()
    return NAMES[number]
