"""BLAKE3 in derive-key mode, 32 bytes of output (page 1.2).

The module `blake3` of PyPI is used where it is installed: it is some hundred
times faster. `derive_key_slow` is complete without it.
"""

import struct
from functools import lru_cache

try:
    import blake3 as _fast
except ImportError:
    _fast = None

M = 0xFFFFFFFF
IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
      0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
CHUNK_START, CHUNK_END, PARENT, ROOT = 1, 2, 4, 8
KEY_CONTEXT, KEY_MATERIAL = 32, 64
KEYED_HASH = 1 << 4
PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
WORDS8, WORDS16 = struct.Struct("<8I"), struct.Struct("<16I")


def _schedule():
    rows = [tuple(range(16))]
    for _ in range(6):
        rows.append(tuple(rows[-1][i] for i in PERMUTATION))
    return tuple(rows)


SCHEDULE = _schedule()


def compress(cv, m, counter, length, flags):
    """The first 8 words of the output. Written out in full: a loop over the
    quarter rounds takes three times as long."""
    v0, v1, v2, v3, v4, v5, v6, v7 = cv
    v8, v9, v10, v11 = IV[:4]
    v12, v13, v14, v15 = counter & M, counter >> 32, length, flags
    for s in SCHEDULE:
        v0 = v0 + v4 + m[s[0]] & M
        v12 ^= v0
        v12 = v12 >> 16 | v12 << 16 & M
        v8 = v8 + v12 & M
        v4 ^= v8
        v4 = v4 >> 12 | v4 << 20 & M
        v0 = v0 + v4 + m[s[1]] & M
        v12 ^= v0
        v12 = v12 >> 8 | v12 << 24 & M
        v8 = v8 + v12 & M
        v4 ^= v8
        v4 = v4 >> 7 | v4 << 25 & M
        v1 = v1 + v5 + m[s[2]] & M
        v13 ^= v1
        v13 = v13 >> 16 | v13 << 16 & M
        v9 = v9 + v13 & M
        v5 ^= v9
        v5 = v5 >> 12 | v5 << 20 & M
        v1 = v1 + v5 + m[s[3]] & M
        v13 ^= v1
        v13 = v13 >> 8 | v13 << 24 & M
        v9 = v9 + v13 & M
        v5 ^= v9
        v5 = v5 >> 7 | v5 << 25 & M
        v2 = v2 + v6 + m[s[4]] & M
        v14 ^= v2
        v14 = v14 >> 16 | v14 << 16 & M
        v10 = v10 + v14 & M
        v6 ^= v10
        v6 = v6 >> 12 | v6 << 20 & M
        v2 = v2 + v6 + m[s[5]] & M
        v14 ^= v2
        v14 = v14 >> 8 | v14 << 24 & M
        v10 = v10 + v14 & M
        v6 ^= v10
        v6 = v6 >> 7 | v6 << 25 & M
        v3 = v3 + v7 + m[s[6]] & M
        v15 ^= v3
        v15 = v15 >> 16 | v15 << 16 & M
        v11 = v11 + v15 & M
        v7 ^= v11
        v7 = v7 >> 12 | v7 << 20 & M
        v3 = v3 + v7 + m[s[7]] & M
        v15 ^= v3
        v15 = v15 >> 8 | v15 << 24 & M
        v11 = v11 + v15 & M
        v7 ^= v11
        v7 = v7 >> 7 | v7 << 25 & M
        v0 = v0 + v5 + m[s[8]] & M
        v15 ^= v0
        v15 = v15 >> 16 | v15 << 16 & M
        v10 = v10 + v15 & M
        v5 ^= v10
        v5 = v5 >> 12 | v5 << 20 & M
        v0 = v0 + v5 + m[s[9]] & M
        v15 ^= v0
        v15 = v15 >> 8 | v15 << 24 & M
        v10 = v10 + v15 & M
        v5 ^= v10
        v5 = v5 >> 7 | v5 << 25 & M
        v1 = v1 + v6 + m[s[10]] & M
        v12 ^= v1
        v12 = v12 >> 16 | v12 << 16 & M
        v11 = v11 + v12 & M
        v6 ^= v11
        v6 = v6 >> 12 | v6 << 20 & M
        v1 = v1 + v6 + m[s[11]] & M
        v12 ^= v1
        v12 = v12 >> 8 | v12 << 24 & M
        v11 = v11 + v12 & M
        v6 ^= v11
        v6 = v6 >> 7 | v6 << 25 & M
        v2 = v2 + v7 + m[s[12]] & M
        v13 ^= v2
        v13 = v13 >> 16 | v13 << 16 & M
        v8 = v8 + v13 & M
        v7 ^= v8
        v7 = v7 >> 12 | v7 << 20 & M
        v2 = v2 + v7 + m[s[13]] & M
        v13 ^= v2
        v13 = v13 >> 8 | v13 << 24 & M
        v8 = v8 + v13 & M
        v7 ^= v8
        v7 = v7 >> 7 | v7 << 25 & M
        v3 = v3 + v4 + m[s[14]] & M
        v14 ^= v3
        v14 = v14 >> 16 | v14 << 16 & M
        v9 = v9 + v14 & M
        v4 ^= v9
        v4 = v4 >> 12 | v4 << 20 & M
        v3 = v3 + v4 + m[s[15]] & M
        v14 ^= v3
        v14 = v14 >> 8 | v14 << 24 & M
        v9 = v9 + v14 & M
        v4 ^= v9
        v4 = v4 >> 7 | v4 << 25 & M
    return (v0 ^ v8, v1 ^ v9, v2 ^ v10, v3 ^ v11,
            v4 ^ v12, v5 ^ v13, v6 ^ v14, v7 ^ v15)


def _chunk(key, data, start, end, counter, flags, root):
    """Chaining value of data[start:end], one chunk of at most 1,024 bytes."""
    cv, first, pos = key, CHUNK_START, start
    while True:
        block = data[pos:min(pos + 64, end)]
        size = len(block)
        words = WORDS16.unpack(block if size == 64 else block.ljust(64, b"\0"))
        pos += 64
        if pos >= end:
            return compress(cv, words, counter, size, flags | first | CHUNK_END | root)
        cv = compress(cv, words, counter, size, flags | first)
        first = 0


def _digest(key, data, flags):
    size = len(data)
    if size <= 1024:
        return WORDS8.pack(*_chunk(key, data, 0, size, 0, flags, ROOT))
    chunks = (size + 1023) // 1024
    stack = []
    for i in range(chunks):
        cv = _chunk(key, data, i * 1024, min(size, i * 1024 + 1024), i, flags, 0)
        done = i + 1
        # A finished subtree is merged at once, save the last ones: which of
        # those is the root is known only at the end.
        while done & 1 == 0 and i + 1 < chunks:
            cv = compress(key, stack.pop() + cv, 0, 64, flags | PARENT)
            done >>= 1
        stack.append(cv)
    cv = stack.pop()
    while stack:
        root = 0 if len(stack) > 1 else ROOT
        cv = compress(key, stack.pop() + cv, 0, 64, flags | PARENT | root)
    return WORDS8.pack(*cv)


@lru_cache(maxsize=64)
def _context_key(context):
    return WORDS8.unpack(_digest(IV, context.encode(), KEY_CONTEXT))


def derive_key_slow(context, data):
    return _digest(_context_key(context), bytes(data), KEY_MATERIAL)


def _derive_key_fast(context, data):
    return _fast.blake3(data, derive_key_context=context).digest()


derive_key = derive_key_slow if _fast is None else _derive_key_fast


def keyed(key, data):
    """The keyed mode, with a key of 32 bytes."""
    return _digest(WORDS8.unpack(key), bytes(data), KEYED_HASH)
