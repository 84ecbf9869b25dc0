"""Page 3: headers, skiplinks, payloads and runs."""

import re
from functools import lru_cache

from . import cbor, ed25519
from .encoding import H, Reader, Refused, ids, lbytes, option, varint

ZERO = bytes(32)
MAX_DEPS = 16
MAX_HEADER = 8192
MAX_PAYLOAD = 65536
MAX_BODY = 8192
MAX_SEALED_BODY = 25600
MAX_EVIDENCE = 16384
MAX_CERTIFICATE = 4096
MAX_RUN = 1048576 + 48 * 256
MAX_RUN_ENTRIES = 256
KIND = re.compile(r"[a-z][a-z0-9_-]*(\.[a-z][a-z0-9_-]*)+\Z")


@lru_cache(maxsize=1 << 18)
def skip_target(seq):
    """The seq that the skiplink of `seq` names, or None (page 3.2)."""
    if seq == 0:
        return None
    n = seq + 1
    g = [1]
    while g[-1] < n:
        g.append(3 * g[-1] + 1)
    if g[-1] == n:
        target = n - 3 ** (len(g) - 1)
    else:
        x, j = n, len(g) - 2
        while True:
            x %= g[j]
            if x == 0:
                break
            j -= 1
        target = n - g[j]
    return None if target == n - 1 else target - 1


class Header:
    __slots__ = ("author", "topic", "seq", "backlink", "skiplink", "hlc", "deps",
                 "payload_hash", "payload_len", "certificate", "id", "aad")

    @property
    def genesis(self):
        return self.topic == ZERO

    @property
    def feed(self):
        """(author, topic id): a genesis begins the feed of its own topic."""
        return self.author, self.id if self.genesis else self.topic


def check_fields(h):
    """The rules of 3.1 between the fields."""
    first = h.seq == 0
    if h.seq == 2 ** 64 - 1:
        raise Refused("bad_header", "seq")
    if (h.backlink is None) != first or (h.certificate is None) == first:
        raise Refused("bad_header", "backlink or certificate against the seq")
    if (h.skiplink is None) != (skip_target(h.seq) is None):
        raise Refused("bad_header", "skiplink against the seq")
    if any(a >= b for a, b in zip(h.deps, h.deps[1:])):
        raise Refused("bad_header", "deps not ascending")
    if h.topic == ZERO and (not first or h.deps):
        raise Refused("bad_header", "genesis with deps or a seq")


def decode_header(raw):
    r, h = Reader(raw), Header()
    if r.u8() != 1:
        raise Refused("bad_header", "version")
    h.author, h.topic, h.seq = r.take(32), r.take(32), r.varint()
    h.backlink, h.skiplink, h.hlc = r.option(32), r.option(32), r.varint()
    h.deps = r.ids(MAX_DEPS)
    h.aad = bytes(raw[:r.pos])
    h.payload_hash = r.take(32)
    h.payload_len = r.count(MAX_PAYLOAD)
    h.certificate = r.bytes(MAX_CERTIFICATE) if r.flag() else None
    r.done()
    check_fields(h)
    h.id = H("entry", bytes(raw))
    return h


def encode_aad(h):
    """The header from `version` to `deps`; also what sealed payloads bind to."""
    return b"".join((b"\1", h.author, h.topic, varint(h.seq), option(h.backlink),
                     option(h.skiplink), varint(h.hlc), ids(h.deps)))


def encode_header(h):
    certificate = b"\0" if h.certificate is None else b"\1" + lbytes(h.certificate)
    return encode_aad(h) + h.payload_hash + varint(h.payload_len) + certificate


class Part:
    __slots__ = ("kind", "body", "evidence", "end")


def split_part(raw, pos=0):
    """The fields of a part; neither the kind's grammar nor CBOR is looked at."""
    r, part = Reader(raw, pos), Part()
    part.kind = r.text(64, 1)
    part.body = r.bytes(MAX_SEALED_BODY if part.kind == "topic.sealed" else MAX_BODY)
    part.evidence, total = [], 0
    for _ in range(r.count(4)):
        part.evidence.append(r.bytes(MAX_EVIDENCE - total))
        total += len(part.evidence[-1])
    part.end = r.pos
    return part


class Payload:
    """`part` is None where the bytes don't split (3.4)."""

    __slots__ = ("part", "part_bytes", "erasable_hash", "data", "hash", "length", "erased")


def read_payload(raw):
    """A whole payload, form 0: any bytes within the limit."""
    if len(raw) > MAX_PAYLOAD:
        raise Refused("too_large")
    p = Payload()
    p.length, p.erased, p.erasable_hash, p.data = len(raw), False, None, None
    try:
        p.part = split_part(raw)
        p.part_bytes = bytes(raw[:p.part.end])
        r = Reader(raw, p.part.end)
        if r.flag():
            start = r.pos
            r.take(16)
            r.varint()
            p.data = r.bytes(MAX_PAYLOAD)
            p.erasable_hash = H("erasable", bytes(raw[start:r.pos]))
        r.done()
    except Refused:
        p.part = p.erasable_hash = p.data = None
        p.part_bytes = bytes(raw)
    p.hash = _payload_hash(p)
    return p


def read_erased(part_bytes, erasable_hash, length):
    p = Payload()
    try:
        p.part = split_part(part_bytes)
    except Refused as fault:
        raise Refused("bad_payload", str(fault)) from None
    if p.part.end != len(part_bytes):
        raise Refused("bad_payload", "bytes left over")
    p.part_bytes, p.erasable_hash, p.data = part_bytes, erasable_hash, None
    p.length, p.erased = length, True
    p.hash = _payload_hash(p)
    return p


def _payload_hash(p):
    body_hash = H("body", p.part_bytes)
    return body_hash if p.erasable_hash is None else H("payload", body_hash + p.erasable_hash)


def decode_part(part):
    """(kind, body) of a payload that decodes, else bad_payload (3.3)."""
    if part is None or not KIND.match(part.kind):
        raise Refused("bad_payload", "kind")
    try:
        return part.kind, cbor.decode_map(part.body)
    except Refused as fault:
        raise Refused("bad_payload", str(fault)) from None


def decode_erasable(data):
    """The erasable map, or None: a faulty one reads as if it were dropped."""
    try:
        return None if data is None else cbor.decode_map(data)
    except Refused:
        return None


class Run:
    __slots__ = ("author", "topic", "headers", "payloads", "signature")

    def signed(self):
        """Whether the signature checks; None if there is none."""
        if self.signature is None:
            return None
        return ed25519.verify(self.author, self.headers[-1].id, self.signature)


def decode_run(raw):
    """A run (3.4) with its headers rebuilt. Checks no signature."""
    if len(raw) > MAX_RUN:
        raise Refused("too_large")
    r, run = Reader(raw), Run()
    run.author, topic = r.take(32), r.take(32)
    seq = r.varint()
    backlink = certificate = None
    if seq == 0:
        certificate = r.bytes(MAX_CERTIFICATE)
    else:
        backlink = r.take(32)
    run.headers, run.payloads = [], []
    count = r.count(MAX_RUN_ENTRIES)
    if not count or seq + count > 1 << 64 or (seq and topic == ZERO):
        raise Refused("bad_run")
    for _ in range(count):
        form = r.u8()
        if form > 1:
            raise Refused("not_canonical", "form")
        h = Header()
        h.author, h.topic, h.seq, h.backlink, h.certificate = (
            run.author, topic, seq, backlink, certificate)
        h.skiplink = None if skip_target(seq) is None else r.take(32)
        h.hlc, h.deps = r.varint(), r.ids(MAX_DEPS)
        if form == 0:
            payload = read_payload(r.bytes(MAX_PAYLOAD))
        else:
            length, part = r.count(MAX_PAYLOAD), r.bytes(MAX_PAYLOAD)
            payload = read_erased(part, r.take(32), length)
        h.payload_hash, h.payload_len = payload.hash, payload.length
        check_fields(h)
        h.aad = None
        h.id = H("entry", encode_header(h))
        run.headers.append(h)
        run.payloads.append(payload)
        if topic == ZERO:
            topic = h.id
        seq, backlink, certificate = seq + 1, h.id, None
    run.topic = topic
    run.signature = r.option(64)
    r.done()
    return run
