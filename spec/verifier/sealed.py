"""Page 7: sealed payloads of private topics."""

from . import cbor, xchacha
from .encoding import H, Refused
from .entry import decode_part, split_part
from .topic import Misfit, check_sealed

BODY, ERASABLE = 0, 1


def entry_key(epoch_key, header, part):
    return H("entry key", epoch_key + header.author + header.seq.to_bytes(8, "little")
             + bytes((part,)))


def aad(header, part):
    return header.aad + bytes((part,))


def commitment(key, nonce, aad_bytes):
    return H("commitment", key + nonce + aad_bytes)


def seal_map(epoch, epoch_key, header, part, nonce, plaintext):
    """The map of page 7 for one part."""
    key, bound = entry_key(epoch_key, header, part), aad(header, part)
    return {"c": commitment(key, nonce, bound), "e": epoch, "n": nonce,
            "x": xchacha.seal(key, nonce, bound, plaintext)}


def _open(sealed, epoch_key, header, part):
    key, bound = entry_key(epoch_key, header, part), aad(header, part)
    if commitment(key, sealed["n"], bound) != sealed["c"]:
        raise Refused("unsealable", "commitment")
    plaintext = xchacha.unseal(key, sealed["n"], bound, sealed["x"])
    if plaintext is None:
        raise Refused("unsealable", "tag")
    return plaintext


def open_payload(header, payload, epoch, epoch_key):
    """(kind, body, erasable map or None) for a holder of the key of `epoch`."""
    kind, body = decode_part(payload.part)
    try:
        check_sealed(body)
    except Misfit:
        raise Refused("bad_event", "not a sealed body") from None
    if kind != "topic.sealed" or payload.part.evidence:
        raise Refused("bad_event", "not a sealed payload")
    if body["e"] != epoch:
        raise Refused("unknown_epoch")
    plaintext = _open(body, epoch_key, header, BODY)
    try:
        part = split_part(plaintext)
        if part.end != len(plaintext):
            raise Refused("unsealable", "bytes left over")
        inner_kind, inner_body = decode_part(part)
    except Refused as fault:
        raise Refused("unsealable", str(fault)) from None
    if inner_kind == "topic.sealed":
        raise Refused("unsealable", "sealed twice")
    return inner_kind, inner_body, _open_erasable(header, payload, epoch, epoch_key)


def _open_erasable(header, payload, epoch, epoch_key):
    """The erasable map. Holders who dropped it cannot know of a fault in it,
    so a fault must look as if it had been dropped."""
    try:
        if payload.data is None:
            return None
        sealed = cbor.decode_map(payload.data)
        check_sealed(sealed)
        if sealed["e"] != epoch:
            return None
        return cbor.decode_map(_open(sealed, epoch_key, header, ERASABLE))
    except (Refused, Misfit):
        return None
