"""Pages 2.2 and 2.3: identity statements and certificates."""

from . import ed25519
from .encoding import H, Reader, Refused, lbytes, option, varint

CERTIFY, REVOKE, ROTATE, TAKEOVER, ENCRYPTION = range(5)
ACTIONS = ("certify", "revoke", "rotate", "takeover", "encryption")
MAX_CERTIFICATE = 4096
MAX_ROTATIONS = 8
_cache = {}


class Statement:
    """A signed statement, decoded; `subject` is the device or the next root."""

    __slots__ = ("entity", "number", "prev", "issued_ms", "action", "subject", "acceptance",
                 "name", "topic", "old", "last_seq", "head", "next", "generation", "suite",
                 "key", "previous", "hash", "signature")

    @property
    def action_name(self):
        return ACTIONS[self.action]


def parse_statement(raw):
    """Decodes a signed statement; checks no signature."""
    try:
        return _parse(raw)
    except Refused as fault:
        raise Refused("bad_statement", str(fault)) from None


def _parse(raw):
    r, st = Reader(raw), Statement()
    if r.u8() != 1:
        raise Refused("bad_statement", "version")
    st.entity, st.number, st.prev = r.take(32), r.varint(), r.option(32)
    if (st.prev is None) != (st.number == 0):
        raise Refused("bad_statement", "prev")
    st.issued_ms, st.action = r.varint(), r.varint()
    st.subject = st.acceptance = st.name = None
    st.topic = st.old = st.last_seq = st.head = st.next = None
    st.generation = st.suite = st.key = st.previous = None
    if st.action == TAKEOVER:
        st.topic, st.old, st.last_seq = r.take(32), r.take(32), r.varint()
        st.head, st.next = r.take(32), r.take(32)
    elif st.action in (CERTIFY, REVOKE, ROTATE):
        st.subject = r.take(32)
        if st.action != REVOKE:
            st.acceptance = r.take(64)
        if st.action == CERTIFY:
            st.name = r.text(64)
    elif st.action == ENCRYPTION:
        st.generation, st.suite = r.varint(), r.varint()
        if st.generation >= 1 << 32:
            raise Refused("too_large", "generation")
        st.key = r.bytes(64)
        st.previous = r.bytes(128) if r.flag() else None
    else:
        raise Refused("not_canonical", "action")
    st.hash = H("statement", raw[:r.pos])
    st.signature = r.take(64)
    r.done()
    return st


def acceptance_message(entity, key):
    return H("acceptance", entity + key)


def check_statement(st, root):
    """The signature by `root`, and the acceptance of the key that joins."""
    if not ed25519.admitted(root):
        raise Refused("bad_key", "root")
    if not ed25519.verify(root, st.hash, st.signature):
        raise Refused("bad_signature")
    if st.acceptance is not None:
        if not ed25519.admitted(st.subject):
            raise Refused("bad_key", "subject")
        if not ed25519.verify(st.subject, acceptance_message(st.entity, st.subject), st.acceptance):
            raise Refused("bad_acceptance")


def apply_rotations(entity, rotations):
    """(root, last number, hashes) after rotations given as bytes (page 2.3).
    The number is -1 where there are none."""
    root, number, hashes = entity, -1, []
    for raw in rotations:
        st = parse_statement(raw)
        if st.action != ROTATE or st.entity != entity or st.number <= number:
            raise Refused("bad_statement", "rotation")
        check_statement(st, root)
        root, number = st.subject, st.number
        hashes.append(st.hash)
    return root, number, hashes


def check_carried(raw, rotations):
    """A statement that an event carries, checked from these bytes alone (5.4)."""
    st = parse_statement(raw)
    root, number, _ = apply_rotations(st.entity, rotations)
    if st.number <= number:
        raise Refused("bad_statement", "number")
    check_statement(st, root)
    return st


class Certificate:
    """What a right certificate yields. `rotations` are statement hashes
    in their order."""

    __slots__ = ("entity", "device", "name", "rotations")


def check_certificate(raw, device):
    key = (raw, device)
    found = _cache.get(key)
    if found is None:
        try:
            found = _certificate(raw, device)
        except Refused as fault:
            found = str(fault)
        if len(_cache) > 100000:
            _cache.clear()
        _cache[key] = found
    if isinstance(found, str):
        raise Refused("bad_certificate", found)
    return found


def _certificate(raw, device):
    if len(raw) > MAX_CERTIFICATE:
        raise Refused("too_large")
    r = Reader(raw)
    rotations = [r.bytes(MAX_CERTIFICATE) for _ in range(r.count(MAX_ROTATIONS))]
    certify = parse_statement(r.bytes(MAX_CERTIFICATE))
    r.done()
    root, number, hashes = apply_rotations(certify.entity, rotations)
    if certify.action != CERTIFY or certify.subject != device or certify.number <= number:
        raise Refused("bad_statement", "certify")
    check_statement(certify, root)
    out = Certificate()
    out.entity, out.device, out.name = certify.entity, device, certify.name
    out.rotations = tuple(hashes)
    return out


def encode_statement(entity, number, prev, issued_ms, action):
    """`action` is the bytes from the tag on; without the signature."""
    return b"\1" + entity + varint(number) + option(prev) + varint(issued_ms) + action


def encode_certificate(rotations, certify):
    return varint(len(rotations)) + b"".join(lbytes(x) for x in rotations) + lbytes(certify)


class Request:
    """What a new device asks for (page 2.5)."""

    __slots__ = ("entity", "device", "sealing", "acceptance", "name", "hash")


def parse_request(raw):
    """A signed request, checked."""
    r, request = Reader(raw), Request()
    if r.u8() != 1:
        raise Refused("not_canonical", "version")
    request.entity, request.device, request.sealing = r.take(32), r.take(32), r.take(32)
    request.acceptance, request.name = r.take(64), r.text(64)
    request.hash = H("device request", raw[:r.pos])
    signature = r.take(64)
    r.done()
    _signed_by(request.device, request.hash, signature)
    return request


def _signed_by(device, message, signature):
    if not ed25519.admitted(device):
        raise Refused("bad_key", "device")
    if not ed25519.verify(device, message, signature):
        raise Refused("bad_signature")


def check_answer(raw, request):
    """The answer to a request: the statements, if they are the identity log that
    certifies the new device and the one that answers."""
    r = Reader(raw)
    if r.u8() != 1:
        raise Refused("not_canonical", "version")
    answered, issuer = r.take(32), r.take(32)
    statements = [parse_statement(r.bytes(512)) for _ in range(r.count(4096))]
    r.bytes(262144)
    message = H("device answer", raw[:r.pos])
    signature = r.take(64)
    r.done()
    _signed_by(issuer, message, signature)
    try:
        if answered != request.hash:
            raise Refused("bad_certificate", "another request")
        _whole_log(statements, request, issuer)
    except Refused as fault:
        raise Refused("bad_certificate", str(fault)) from None
    return statements


def _whole_log(statements, request, issuer):
    root, prev, certified, revoked = request.entity, None, set(), set()
    for number, st in enumerate(statements):
        if st.entity != request.entity or st.number != number or st.prev != prev:
            raise Refused("bad_statement", "not the log of the entity")
        check_statement(st, root)
        prev = st.hash
        if st.action == ROTATE:
            root = st.subject
        elif st.action == CERTIFY:
            certified.add(st.subject)
        elif st.action == REVOKE:
            revoked.add(st.subject)
    for device in (request.device, issuer):
        if device not in certified or device in revoked:
            raise Refused("bad_certificate", "not certified")
