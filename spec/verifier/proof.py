"""Pages 3.5 and 4.4: proofs of one entry, and proofs that a feed is forked."""

from . import ed25519
from .encoding import H, Reader, Refused
from .entry import (MAX_CERTIFICATE, MAX_HEADER, MAX_PAYLOAD, decode_header,
                    read_erased, read_payload, skip_target)
from .identity import check_certificate

MAX_PROOF = 16384
MAX_PATH = 64
MAX_FORK_PROOF = 262144


def _read_path(r):
    """A path of headers (decoded), each linked from the one before, in one feed."""
    path = [decode_header(r.bytes(MAX_HEADER)) for _ in range(r.count(MAX_PATH, 1))]
    for above, below in zip(path, path[1:]):
        if below.feed != above.feed:
            raise Refused("bad_proof", "feeds differ")
        if below.id not in (above.backlink, above.skiplink):
            raise Refused("bad_proof", "path is not linked")
    return path


class Proof:
    __slots__ = ("header", "entity", "payload", "certificate")


def check_proof(raw):
    """A proof, checked from its own bytes (3.5)."""
    proof = Proof()
    try:
        if len(raw) > MAX_PROOF:
            raise Refused("too_large")
        r = Reader(raw)
        certificate = r.bytes(MAX_CERTIFICATE)
        path = _read_path(r)
        signature = r.take(64)
        form = r.varint()
        if form == 0:
            payload = None
        elif form == 1:
            payload = read_payload(r.bytes(MAX_PAYLOAD))
        elif form == 2:
            part = r.bytes(MAX_PAYLOAD)
            erasable_hash = r.take(32)
        else:
            raise Refused("not_canonical", "payload")
        r.done()
    except Refused as fault:
        raise Refused("bad_proof", str(fault)) from None
    author, proof.header = path[0].author, path[-1]
    if not ed25519.admitted(author):
        raise Refused("bad_key")
    proof.certificate = check_certificate(certificate, author)
    proof.entity = proof.certificate.entity
    if not ed25519.verify(author, path[0].id, signature):
        raise Refused("bad_signature")
    if form == 2:
        try:
            payload = read_erased(part, erasable_hash, proof.header.payload_len)
        except Refused as fault:
            raise Refused("payload_mismatch", str(fault)) from None
    if payload is not None and (payload.hash != proof.header.payload_hash
                                or payload.length != proof.header.payload_len):
        raise Refused("payload_mismatch")
    proof.payload = payload
    return proof


class Attestation:
    __slots__ = ("kind", "device", "entity", "fact")


def check_attestation(raw):
    """A grant or a receipt, checked from its own bytes (10.8)."""
    found = Attestation()
    try:
        if len(raw) > MAX_PROOF:
            raise Refused("too_large")
        r = Reader(raw)
        if r.take(1) != b"\0":
            raise Refused("not_canonical", "mark")
        found.kind = r.take(1)[0]
        found.device = r.take(32)
        certificate = r.bytes(MAX_CERTIFICATE)
        claims = r.bytes(160)
        signature = r.take(64)
        r.done()
        r = Reader(claims)
        if found.kind == 1:
            context, subject = "grant", r.take(32)
            r.take(48)
            if r.varint() >> 32:
                raise Refused("too_large", "month")
        elif found.kind == 2:
            context, subject = "receipt", None
            r.take(64)
            r.varint()
            r.take(32)
            r.varint()
            r.varint()
        else:
            raise Refused("not_canonical", "kind")
        r.done()
    except Refused as fault:
        raise Refused("bad_evidence", str(fault)) from None
    if not ed25519.admitted(found.device):
        raise Refused("bad_key")
    found.entity = check_certificate(certificate, found.device).entity
    if not ed25519.verify(found.device, H(context, claims), signature):
        raise Refused("bad_signature")
    if subject is not None and subject != found.entity:
        raise Refused("bad_evidence", "subject")
    if subject is not None:
        found.fact = b"\2" + subject + found.device + claims[32:]
    else:
        r = Reader(claims)
        topic, author = r.take(32), r.take(32)
        r.varint()
        seq = claims[64:r.pos]
        entry = r.take(32)
        found.fact = (b"\3" + topic + found.device + found.entity + entry + author
                      + seq + claims[r.pos:])
    return found


def check_receipt(raw):
    """A receipt that stands by itself in a bundle (8)."""
    if check_attestation(raw).kind != 2:
        raise Refused("bad_evidence", "not a receipt")


def check_evidence(part):
    """bad_evidence unless every piece checks."""
    for raw in part.evidence:
        try:
            check_attestation(raw) if raw[:1] == b"\0" else check_proof(raw)
        except Refused as fault:
            raise Refused("bad_evidence", str(fault)) from None


class ForkProof:
    __slots__ = ("author", "topic", "seq", "id")


def _commitment(path, seq):
    """The id at `seq` that a path commits to, or None."""
    last = path[-1]
    if last.seq == seq:
        return last.id
    if last.seq == seq + 1:
        return last.backlink
    if last.skiplink is not None and skip_target(last.seq) == seq:
        return last.skiplink
    return None


def check_fork_proof(raw):
    proof = ForkProof()
    try:
        if len(raw) > MAX_FORK_PROOF:
            raise Refused("too_large")
        r = Reader(raw)
        proof.seq = r.varint()
        sides = [(_read_path(r), r.take(64)) for _ in range(2)]
        r.done()
        found = [_commitment(path, proof.seq) for path, _ in sides]
        if None in found or found[0] >= found[1]:
            raise Refused("bad_fork_proof", "no two different ids at the seq")
        if sides[0][0][0].feed != sides[1][0][0].feed:
            raise Refused("bad_fork_proof", "feeds differ")
    except Refused as fault:
        raise Refused("bad_fork_proof", str(fault)) from None
    proof.author, proof.topic = sides[0][0][0].feed
    if not ed25519.admitted(proof.author):
        raise Refused("bad_key")
    for path, signature in sides:
        if not ed25519.verify(proof.author, path[0].id, signature):
            raise Refused("bad_signature")
    proof.id = H("fork proof", raw)
    return proof
