"""XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha; RFC 8439 for the parts)."""

import hmac
import struct

M = 0xFFFFFFFF
SIGMA = struct.unpack("<4I", b"expand 32-byte k")
QUARTERS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
            (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))


def _rounds(state):
    """The twenty rounds, without the addition of the state at the end."""
    v = list(state)
    for _ in range(10):
        for a, b, c, d in QUARTERS:
            va, vb, vc, vd = v[a], v[b], v[c], v[d]
            va = va + vb & M
            vd ^= va
            vd = vd >> 16 | vd << 16 & M
            vc = vc + vd & M
            vb ^= vc
            vb = vb >> 20 | vb << 12 & M
            va = va + vb & M
            vd ^= va
            vd = vd >> 24 | vd << 8 & M
            vc = vc + vd & M
            vb ^= vc
            vb = vb >> 25 | vb << 7 & M
            v[a], v[b], v[c], v[d] = va, vb, vc, vd
    return v


def chacha20_block(key, counter, nonce):
    state = SIGMA + struct.unpack("<8I", key) + (counter & M,) + struct.unpack("<3I", nonce)
    return struct.pack("<16I", *(a + b & M for a, b in zip(_rounds(state), state)))


def chacha20(key, counter, nonce, data):
    stream = b"".join(chacha20_block(key, counter + i, nonce)
                      for i in range((len(data) + 63) // 64))
    return bytes(a ^ b for a, b in zip(data, stream))


def hchacha20(key, nonce16):
    v = _rounds(SIGMA + struct.unpack("<8I", key) + struct.unpack("<4I", nonce16))
    return struct.pack("<8I", *(v[0:4] + v[12:16]))


def poly1305(key, data):
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total, prime = 0, 2 ** 130 - 5
    for pos in range(0, len(data), 16):
        total = (total + int.from_bytes(data[pos:pos + 16] + b"\1", "little")) * r % prime
    total += int.from_bytes(key[16:], "little")
    return (total & (1 << 128) - 1).to_bytes(16, "little")


def _pad(data):
    return data + bytes(-len(data) % 16)


def _tag(key, nonce, aad, ciphertext):
    return poly1305(chacha20_block(key, 0, nonce)[:32],
                    _pad(aad) + _pad(ciphertext)
                    + struct.pack("<QQ", len(aad), len(ciphertext)))


def seal(key, nonce, aad, plaintext):
    key, nonce = hchacha20(key, nonce[:16]), bytes(4) + nonce[16:]
    ciphertext = chacha20(key, 1, nonce, plaintext)
    return ciphertext + _tag(key, nonce, aad, ciphertext)


def unseal(key, nonce, aad, data):
    """The plaintext, or None if the tag is wrong."""
    return unseal_ietf(hchacha20(key, nonce[:16]), bytes(4) + nonce[16:], aad, data)


def unseal_ietf(key, nonce, aad, data):
    """As `unseal`, by ChaCha20-Poly1305 with its nonce of 12 bytes (RFC 8439)."""
    if len(data) < 16:
        return None
    ciphertext, tag = data[:-16], data[-16:]
    if not hmac.compare_digest(tag, _tag(key, nonce, aad, ciphertext)):
        return None
    return chacha20(key, 1, nonce, ciphertext)
