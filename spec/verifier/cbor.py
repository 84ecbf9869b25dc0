"""Page 1.3: the part of deterministic CBOR that bodies are written in."""

import struct

from .encoding import Refused

MAX_LEVEL = 16
LOWEST, HIGHEST = -2 ** 63, 2 ** 63 - 1
SIZES = {24: ("B", 24), 25: (">H", 0x100), 26: (">I", 0x10000), 27: (">Q", 0x100000000)}


def _bad(why):
    return Refused("bad_cbor", why)


class _Decoder:
    def __init__(self, data):
        self.data = data
        self.pos = 0

    def take(self, n):
        if n > len(self.data) - self.pos:
            raise _bad("ends early")
        self.pos += n
        return self.data[self.pos - n:self.pos]

    def head(self):
        first = self.take(1)[0]
        major, info = first >> 5, first & 31
        if info < 24:
            return major, info
        if major == 7 or info not in SIZES:
            raise _bad("float, simple value or indefinite length")
        form, least = SIZES[info]
        value, = struct.unpack(form, self.take(struct.calcsize(form)))
        if value < least:
            raise _bad("not the shortest form")
        return major, value

    def text(self, n):
        try:
            return self.take(n).decode("utf-8")
        except UnicodeDecodeError:
            raise _bad("not UTF-8") from None

    def item(self, level):
        # Nesting ends at 16 levels, so this recursion is bounded.
        if level > MAX_LEVEL:
            raise _bad("nested too deep")
        major, value = self.head()
        if major == 0:
            if value > HIGHEST:
                raise _bad("integer out of range")
            return value
        if major == 1:
            if -1 - value < LOWEST:
                raise _bad("integer out of range")
            return -1 - value
        if major == 2:
            return self.take(value)
        if major == 3:
            return self.text(value)
        if major == 4:
            # A count is not believed: each item takes at least one byte.
            if value > len(self.data) - self.pos:
                raise _bad("ends early")
            return [self.item(level + 1) for _ in range(value)]
        if major == 5:
            return self.map(value, level)
        if major == 7 and value in (20, 21, 22):
            return (False, True, None)[value - 20]
        raise _bad("tag or simple value")

    def map(self, n, level):
        if 2 * n > len(self.data) - self.pos:
            raise _bad("ends early")
        out, before = {}, b""
        for _ in range(n):
            start = self.pos
            if level + 1 > MAX_LEVEL:
                raise _bad("nested too deep")
            major, size = self.head()
            if major != 3:
                raise _bad("map key is not text")
            key = self.text(size)
            raw = self.data[start:self.pos]
            # An encoding is never empty, so the first key passes.
            if raw <= before:
                raise _bad("map keys out of order")
            before = raw
            out[key] = self.item(level + 1)
        return out


def decode(data):
    """One item that fills data; text is str, byte strings are bytes."""
    decoder = _Decoder(bytes(data))
    item = decoder.item(1)
    if decoder.pos != len(data):
        raise _bad("bytes left over")
    return item


def decode_map(data):
    item = decode(data)
    if not isinstance(item, dict):
        raise _bad("not a map")
    return item


def _head(major, value):
    if value < 24:
        return bytes((major << 5 | value,))
    for info, (form, _) in SIZES.items():
        if value < 1 << 8 * struct.calcsize(form):
            return bytes((major << 5 | info,)) + struct.pack(form, value)
    raise ValueError("too large for CBOR")


def encode(item):
    if item is None or item is True or item is False:
        return bytes((0xF6 if item is None else 0xF5 if item else 0xF4,))
    if isinstance(item, int):
        return _head(0, item) if item >= 0 else _head(1, -1 - item)
    if isinstance(item, bytes):
        return _head(2, len(item)) + item
    if isinstance(item, str):
        raw = item.encode()
        return _head(3, len(raw)) + raw
    if isinstance(item, (list, tuple)):
        return _head(4, len(item)) + b"".join(encode(x) for x in item)
    pairs = sorted((encode(key), encode(value)) for key, value in item.items())
    return _head(5, len(pairs)) + b"".join(key + value for key, value in pairs)


def as_json(item):
    """How tools show it: a byte string as {"$hex": ...}."""
    if isinstance(item, bytes):
        return {"$hex": item.hex()}
    if isinstance(item, list):
        return [as_json(x) for x in item]
    if isinstance(item, dict):
        return {key: as_json(value) for key, value in item.items()}
    return item
