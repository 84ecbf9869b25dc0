"""Page 1.1 and 1.2: integers, bytes, lists, and the hashes with their contexts."""

from .blake3 import derive_key


class Refused(Exception):
    """Bytes that are not accepted, with the name that the pages give the reason."""

    def __init__(self, code, detail=""):
        super().__init__(code if not detail else "%s (%s)" % (code, detail))
        self.code = code


def H(context, data):
    """H(context, data) of page 1.2; the contexts all begin with 'synlog v1'."""
    return derive_key("synlog v1 " + context, data)


class Reader:
    """Reads the encodings of page 1.1 and refuses every other spelling."""

    __slots__ = ("data", "pos", "end")

    def __init__(self, data, pos=0, end=None):
        self.data = data
        self.pos = pos
        self.end = len(data) if end is None else end

    def u8(self):
        pos = self.pos
        if pos >= self.end:
            raise Refused("truncated")
        self.pos = pos + 1
        return self.data[pos]

    def take(self, n):
        pos = self.pos
        if n > self.end - pos:
            raise Refused("truncated")
        self.pos = pos + n
        return bytes(self.data[pos:pos + n])

    def varint(self):
        value = shift = 0
        while True:
            byte = self.u8()
            if shift == 63 and byte > 1:
                raise Refused("not_canonical", "more than 64 bits")
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if byte == 0 and shift:
                    raise Refused("not_canonical", "not the shortest")
                return value
            shift += 7

    def count(self, limit, least=0):
        n = self.varint()
        if n > limit:
            raise Refused("too_large")
        if n < least:
            raise Refused("not_canonical", "fewer than allowed")
        return n

    def bytes(self, limit, least=0):
        return self.take(self.count(limit, least))

    def text(self, limit, least=0):
        raw = self.bytes(limit, least)
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            raise Refused("not_canonical", "not UTF-8") from None

    def flag(self):
        byte = self.u8()
        if byte > 1:
            raise Refused("not_canonical", "option")
        return byte == 1

    def option(self, n):
        """option [n]"""
        return self.take(n) if self.flag() else None

    def ids(self, limit):
        """list (<= limit) of [32]"""
        return [self.take(32) for _ in range(self.count(limit))]

    def done(self):
        if self.pos != self.end:
            raise Refused("not_canonical", "bytes left over")


def varint(value):
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def lbytes(data):
    """`bytes`: the length, then the bytes"""
    return varint(len(data)) + data


def option(data):
    return b"\0" if data is None else b"\1" + data


def blist(items):
    """list of `bytes`"""
    return varint(len(items)) + b"".join(lbytes(x) for x in items)


def ids(items):
    """list of [32]"""
    return varint(len(items)) + b"".join(items)
