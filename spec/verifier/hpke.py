"""HPKE (RFC 9180), base mode, for page 7.2: DHKEM(X25519, HKDF-SHA256),
HKDF-SHA256, ChaCha20-Poly1305; and the keys of page 7.3."""

import hashlib
import hmac

from . import xchacha
from .encoding import H, Refused

P = 2 ** 255 - 19
KEM = b"KEM\x00\x20"
SUITE = b"HPKE\x00\x20\x00\x01\x00\x03"


def x25519(secret, point):
    """RFC 7748, section 5."""
    k = bytearray(secret)
    k[0] &= 248
    k[31] = k[31] & 127 | 64
    k = int.from_bytes(k, "little")
    u = int.from_bytes(point, "little") & (1 << 255) - 1
    x1, x2, z2, x3, z3, swap = u % P, 1, 0, u % P, 1, 0
    for t in range(254, -1, -1):
        bit = k >> t & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b = (x2 + z2) % P, (x2 - z2) % P
        aa, bb = a * a % P, b * b % P
        e = (aa - bb) % P
        da, cb = (x3 - z3) * a % P, (x3 + z3) * b % P
        x3, z3 = (da + cb) ** 2 % P, x1 * (da - cb) ** 2 % P
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


def public_key(secret):
    return x25519(secret, (9).to_bytes(32, "little"))


def _extract(salt, suite, label, ikm):
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, hashlib.sha256)


def _expand(prk, suite, label, info, length):
    info = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return hmac.digest(prk, info + b"\1", hashlib.sha256)[:length]


def open_sealed(secret, purpose, bound, sealed):
    """What was sealed to the key of `secret`, or `unsealable`."""
    if len(sealed) < 48:
        raise Refused("unsealable", "too short")
    encapsulated, ciphertext = sealed[:32], sealed[32:]
    dh = x25519(secret, encapsulated)
    if not any(dh):
        raise Refused("unsealable", "a point of small order")
    shared = _expand(_extract(b"", KEM, b"eae_prk", dh), KEM, b"shared_secret",
                     encapsulated + public_key(secret), 32)
    info = b"synlog v1 sealed to " + purpose + b"\0" + bound
    context = (b"\0" + _extract(b"", SUITE, b"psk_id_hash", b"")
               + _extract(b"", SUITE, b"info_hash", info))
    key = _extract(shared, SUITE, b"secret", b"")
    plaintext = xchacha.unseal_ietf(_expand(key, SUITE, b"key", context, 32),
                                    _expand(key, SUITE, b"base_nonce", context, 12),
                                    b"", ciphertext)
    if plaintext is None:
        raise Refused("unsealable", "tag")
    return plaintext


def encryption_secret(root_seed, generation):
    """Page 2.4."""
    return H("encryption key", root_seed + generation.to_bytes(4, "little"))


def unwrap_key(secret, topic, epoch, key_hash, recipient, wrap):
    """The epoch key in a wrap (page 7.3)."""
    bound = topic + epoch.to_bytes(8, "little") + key_hash + recipient
    key = open_sealed(secret, b"epoch key", bound, wrap)
    if len(key) != 32 or H("epoch key", key) != key_hash:
        raise Refused("unsealable", "another key than announced")
    return key


def previous_key(topic, epoch, key, sealed):
    """The key of the epoch before (page 7.3)."""
    seal = H("previous epoch", key + topic + epoch.to_bytes(8, "little"))
    previous = xchacha.unseal(seal, bytes(24), b"", sealed)
    if previous is None or len(previous) != 32:
        raise Refused("unsealable", "previous")
    return previous
