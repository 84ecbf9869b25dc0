"""Builds keys, statements, entries, runs and bundles for test_verify.py.

It signs with plain Python, so it is for tests alone: its keys come from short
seeds and its arithmetic leaks them.
"""

import hashlib

from verifier import cbor, ed25519
from verifier.encoding import H, blist, ids, lbytes, option, varint
from verifier.entry import (ZERO, Header, encode_header, read_erased, read_payload,
                            skip_target)
from verifier.identity import acceptance_message, encode_certificate, encode_statement

START_HLC = 1_700_000_000_000 << 16


class Key:
    def __init__(self, seed):
        digest = hashlib.sha512(seed.encode() if isinstance(seed, str) else seed).digest()
        self._init(digest)

    @classmethod
    def from_secret(cls, secret):
        """RFC 8032: the 32-byte secret key."""
        key = cls.__new__(cls)
        key._init(hashlib.sha512(secret).digest())
        return key

    def _init(self, digest):
        scalar = int.from_bytes(digest[:32], "little")
        self.scalar = scalar & ~7 & (1 << 254) - 1 | 1 << 254
        self.prefix = digest[32:]
        self.public = ed25519.encode(ed25519.multiply_base(self.scalar))

    def sign(self, message):
        r = int.from_bytes(hashlib.sha512(self.prefix + message).digest(), "little") % ed25519.L
        big_r = ed25519.encode(ed25519.multiply_base(r))
        k = int.from_bytes(hashlib.sha512(big_r + self.public + message).digest(), "little")
        s = (r + k * self.scalar) % ed25519.L
        return big_r + s.to_bytes(32, "little")


class Entity:
    """A root key and its identity log."""

    def __init__(self, seed):
        self.root = Key("root " + seed)
        self.id = self.root.public
        self.number, self.prev, self.rotations = 0, None, []

    def _sign(self, action, root=None, number=None):
        """The next statement, or another one under a number that is taken."""
        n = self.number if number is None else number
        prev = None if n == 0 else self.prev or bytes(32)
        raw = encode_statement(self.id, n, prev, 1_700_000_000_000 + n, action)
        digest = H("statement", raw)
        if number is None:
            self.number, self.prev = n + 1, digest
        return raw + (root or self.root).sign(digest)

    def _accept(self, key):
        return key.sign(acceptance_message(self.id, key.public))

    def certify(self, key, name="device"):
        return self._sign(b"\0" + key.public + self._accept(key) + lbytes(name.encode()))

    def certificate(self, key, name="device"):
        return encode_certificate(self.rotations, self.certify(key, name))

    def revoke(self, device):
        return self._sign(b"\1" + device)

    def rotate(self, seed):
        new = Key("root " + seed)
        signed = self._sign(b"\2" + new.public + self._accept(new))
        self.root = new
        self.rotations = self.rotations + [signed]
        return signed

    def takeover(self, topic, head, new, number=None):
        action = (b"\3" + topic + head.author + varint(head.seq) + head.id + new)
        return self._sign(action, number=number)


class Made:
    """An entry as its writer has it."""

    def __init__(self, header, payload, prev, topic):
        self.header, self.payload, self.prev, self.topic = header, payload, prev, topic
        self.id, self.seq, self.hlc, self.author = header.id, header.seq, header.hlc, header.author

    def back(self, seq):
        e = self
        while e.seq > seq:
            e = e.prev
        return e


def payload(kind, body, evidence=(), erasable=None):
    body = body if isinstance(body, bytes) else cbor.encode(body)
    part = lbytes(kind.encode()) + lbytes(body) + blist(evidence)
    if erasable is None:
        return part + b"\0"
    data = erasable if isinstance(erasable, bytes) else cbor.encode(erasable)
    return part + b"\1" + bytes(16) + varint(0) + lbytes(data)


class Device:
    def __init__(self, seed, entity):
        self.key, self.entity = Key("device " + seed), entity
        self.public = self.key.public
        self.cert = entity.certificate(self.key, seed)
        self.last = {}   # topic id -> the entry last written

    def genesis(self, **fields):
        body = {"app": "test", "major": 1, "mode": "ordered", "visibility": "public",
                "nonce": bytes(16)}
        body.update(fields)
        return self.write(None, "topic.genesis", body)

    def write(self, topic, kind, body=None, deps=(), hlc=None, on=None, evidence=(),
              erasable=None, skiplink=None, raw=None, fresh=False):
        """Writes in the topic that `topic` (its genesis) begins. `on` is the
        entry to build on where it is not the last; `fresh` begins the feed anew."""
        prev = None if fresh else on
        if prev is None and not fresh and topic is not None:
            prev = self.last.get(topic.id)
        if topic is not None and prev is None:
            deps = [topic, *deps]
        h = Header()
        h.author, h.topic = self.public, ZERO if topic is None else topic.id
        h.seq = 0 if prev is None else prev.seq + 1
        h.backlink = None if prev is None else prev.id
        h.certificate = self.cert if prev is None else None
        target = skip_target(h.seq)
        h.skiplink = None
        if target is not None:
            h.skiplink = prev.back(target).id if skiplink is None else skiplink
        above = [x.hlc for x in deps] + ([prev.hlc] if prev else [])
        h.hlc = hlc if hlc is not None else max(above, default=START_HLC) + 1
        h.deps = sorted({x.id for x in deps})
        data = raw if raw is not None else payload(kind, {} if body is None else body,
                                                   evidence, erasable)
        p = read_payload(data)
        h.payload_hash, h.payload_len = p.hash, p.length
        h.id = H("entry", encode_header(h))
        made = Made(h, data, prev, topic)
        self.last[h.id if topic is None else topic.id] = made
        return made

    def run(self, *entries, sign=True, erase=()):
        """A run of consecutive entries. sign: True, False (a signature that
        does not check) or None (no signature). erase: entries sent erased."""
        first, last = entries[0].header, entries[-1].header
        out = [first.author, first.topic, varint(first.seq)]
        out.append(first.backlink if first.seq else lbytes(first.certificate))
        out.append(varint(len(entries)))
        for e in entries:
            h = e.header
            out.append(b"\1" if e in erase else b"\0")
            out.append(h.skiplink or b"")
            out += [varint(h.hlc), ids(h.deps)]
            if e in erase:
                p = read_payload(e.payload)
                out += [varint(p.length), lbytes(p.part_bytes), p.erasable_hash]
                assert read_erased(p.part_bytes, p.erasable_hash, p.length).hash == p.hash
            else:
                out.append(lbytes(e.payload))
        signature = None if sign is None else self.key.sign(last.id)
        if sign is False:
            signature = signature[:-1] + bytes((signature[-1] ^ 1,))
        out.append(option(signature))
        return (1, b"".join(out))

    def runs(self, *entries):
        """One signed run for each entry, so that their order can be shuffled."""
        return [self.run(e) for e in entries]

    def proof(self, path, whole=True):
        """Evidence for path[-1]; path is of entries, the signed one first."""
        tail = b"\1" + lbytes(path[-1].payload) if whole else b"\0"
        return (lbytes(self.cert) + blist([encode_header(e.header) for e in path])
                + self.key.sign(path[0].id) + tail)

    def fork_proof(self, seq, *sides):
        """Each side is (id at seq, path of entries)."""
        out = [varint(seq)]
        for _, path in sorted(sides, key=lambda side: side[0]):
            out.append(blist([encode_header(e.header) for e in path]))
            out.append(self.key.sign(path[0].id))
        return (2, b"".join(out))


def bundle(records):
    data = b"SYNLOG\x00\x01" + b"".join(bytes((kind,)) + lbytes(x) for kind, x in records)
    return data + b"\0" + H("bundle", data)
