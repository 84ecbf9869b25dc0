"""Page 12: what both ends of a link sign, and tickets."""

import base64

from . import ed25519
from .encoding import H, Reader, Refused
from .identity import check_certificate

MAX_CERTIFICATE = 4096


def read_hello(raw):
    """(node, run, nonce) of a hello"""
    r = Reader(raw)
    if r.u8() != 1:
        raise Refused("not_canonical", "version")
    hello = r.take(32), r.take(16), r.take(32)
    r.done()
    return hello


def read_proof(raw):
    """(device, signature, certificate) or None; signature of the transport key or None"""
    r, device = Reader(raw), None
    if r.flag():
        device = r.take(32), r.take(64), r.bytes(MAX_CERTIFICATE)
    transport = r.option(64)
    r.done()
    return device, transport


def _signed(key, message, signature):
    if not ed25519.admitted(key):
        raise Refused("bad_key")
    if not ed25519.verify(key, message, signature):
        raise Refused("bad_signature")


def check_proof_of_side(dialer, acceptor, side, raw, over_socket):
    """The (device, entity) that a proof shows, or None for a stranger."""
    node = read_hello((dialer, acceptor)[side])[0]
    read_hello((acceptor, dialer)[side])
    message = H("link", bytes((side,)) + dialer + acceptor)
    device, transport = read_proof(raw)
    if over_socket:
        if transport is None:
            raise Refused("bad_signature")
        _signed(node, message, transport)
    if device is None:
        return None
    key, signature, certificate = device
    _signed(key, message, signature)
    return key, check_certificate(certificate, key).entity


def _text(r, limit):
    if not r.flag():
        return None
    text = r.text(limit)
    if any(ord(c) < 32 or 127 <= ord(c) < 160 for c in text):
        raise Refused("not_canonical", "control letter")
    return text


def read_ticket(text):
    """The fields of a ticket."""
    text = "".join(text.split()).lower()
    if not text.startswith("synlog1"):
        raise Refused("not_canonical", "front")
    code = text[7:].upper()
    try:
        raw = base64.b32decode(code + "=" * (-len(code) % 8))
    except ValueError:
        raise Refused("not_canonical", "letters") from None
    if base64.b32encode(raw).decode().rstrip("=") != code:
        raise Refused("not_canonical", "unused bits")
    body, check = raw[:-4], raw[-4:]
    if len(raw) < 5 or H("ticket", body)[:4] != check:
        raise Refused("not_canonical", "check")
    r = Reader(body)
    if r.u8() != 1:
        raise Refused("not_canonical", "version")
    ticket = {"node": r.take(32).hex(), "relay": _text(r, 256), "addresses": []}
    for _ in range(r.count(16)):
        kind = r.u8()
        if kind not in (4, 6):
            raise Refused("not_canonical", "address")
        ip = r.take(4 if kind == 4 else 16)
        ticket["addresses"].append([ip.hex(), int.from_bytes(r.take(2), "little")])
    for name in ("entity", "topic"):
        found = r.option(32)
        ticket[name] = None if found is None else found.hex()
    ticket["name"] = _text(r, 64)
    r.done()
    return ticket
