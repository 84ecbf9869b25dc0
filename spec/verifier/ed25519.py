"""Ed25519 by page 2.1: verification by the ZIP-215 rule, and key admission.

Points are (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z on -x² + y² = 1 + dx²y².
Nothing here is secret, so nothing takes care to run in constant time.
"""

import hashlib

P = 2 ** 255 - 19
L = 2 ** 252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
D2 = 2 * D % P
SQRT_M1 = pow(2, (P - 1) // 4, P)
NEUTRAL = (0, 1, 1, 0)


def add(a, b):
    x1, y1, z1, t1 = a
    x2, y2, z2, t2 = b
    m = (y1 - x1) * (y2 - x2) % P
    n = (y1 + x1) * (y2 + x2) % P
    c = t1 * D2 * t2 % P
    d = 2 * z1 * z2 % P
    e, f, g, h = n - m, d - c, d + c, n + m
    return e * f % P, g * h % P, f * g % P, e * h % P


def double(a):
    x, y, z, _ = a
    xx, yy = x * x % P, y * y % P
    h = xx + yy
    e = h - (x + y) * (x + y) % P
    g = xx - yy
    f = 2 * z * z + g
    return e * f % P, g * h % P, f * g % P, e * h % P


def negate(a):
    return P - a[0], a[1], a[2], P - a[3]


def is_neutral(a):
    return a[0] % P == 0 and (a[1] - a[2]) % P == 0


def decode(raw):
    """The point by rule 2 of page 2.1, or None. y may be p or more."""
    value = int.from_bytes(raw, "little")
    sign, y = value >> 255, (value & (1 << 255) - 1) % P
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    # A square root of u/v, without a division (RFC 8032 5.1.3).
    v3 = v * v % P * v % P
    x = u * v3 % P * pow(u * v3 % P * v3 % P * v % P, (P - 5) // 8, P) % P
    vxx = v * x % P * x % P
    if vxx != u:
        if vxx != P - u:
            return None
        x = x * SQRT_M1 % P
    if x & 1 != sign:
        x = (P - x) % P
    return x, y, 1, x * y % P


def encode(a):
    inverse = pow(a[2], P - 2, P)
    x, y = a[0] * inverse % P, a[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def multiply(scalar, a):
    """[scalar]a, four bits at a time."""
    row = [NEUTRAL]
    for _ in range(15):
        row.append(add(row[-1], a))
    result = NEUTRAL
    for shift in range(scalar.bit_length() + 3 & ~3, 0, -4):
        result = double(double(double(double(result))))
        digit = scalar >> shift - 4 & 15
        if digit:
            result = add(result, row[digit])
    return result


def table(a):
    """[d · 16^i]a for all digits: dear to make, but then a product needs no
    doubling. Worth it for the base point and for keys that come up often."""
    rows = []
    for _ in range(64):
        row = [NEUTRAL]
        for _ in range(15):
            row.append(add(row[-1], a))
        rows.append(row)
        a = add(row[15], a)
    return rows


def multiply_by_table(scalar, rows):
    result = NEUTRAL
    for row in rows:
        digit = scalar & 15
        if digit:
            result = add(result, row[digit])
        scalar >>= 4
    return result


_BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = decode(_BASE_Y.to_bytes(32, "little"))
_base_table = None
_points = {}   # key -> [point or None, times used, table or None]
_admitted = {}
TABLE_AFTER, TABLES_AT_MOST, POINTS_AT_MOST = 6, 128, 100000
_tables = 0


def multiply_base(scalar):
    global _base_table
    if _base_table is None:
        _base_table = table(BASE)
    return multiply_by_table(scalar, _base_table)


def _multiply_key(scalar, raw):
    """[scalar]A, or None if raw is no point. The first few signatures of a key
    go without a table, which would cost as much as they do."""
    global _tables
    known = _points.get(raw)
    if known is None:
        if len(_points) >= POINTS_AT_MOST:
            _points.clear()
            _tables = 0
        known = _points[raw] = [decode(raw), 0, None]
    if known[0] is None:
        return None
    if known[2] is None:
        known[1] += 1
        if known[1] < TABLE_AFTER or _tables >= TABLES_AT_MOST:
            return multiply(scalar, known[0])
        known[2] = table(known[0])
        _tables += 1
    return multiply_by_table(scalar, known[2])


def verify(key, message, signature):
    """ZIP-215, without key admission."""
    if len(signature) != 64 or len(key) != 32:
        return False
    s = int.from_bytes(signature[32:], "little")
    if s >= L:
        return False
    r = decode(signature[:32])
    if r is None:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    ka = _multiply_key(k, key)
    if ka is None:
        return False
    rest = add(multiply_base(s), negate(add(r, ka)))
    return is_neutral(double(double(double(rest))))


def admitted(key):
    """Key admission of page 2.1."""
    known = _admitted.get(key)
    if known is None:
        if len(_admitted) >= POINTS_AT_MOST:
            _admitted.clear()
        known = _admitted[key] = _admit(key)
    return known


def _admit(key):
    value = int.from_bytes(key, "little")
    if len(key) != 32 or value & (1 << 255) - 1 >= P:
        return False
    point = decode(key)
    if point is None or is_neutral(point) or (point[0] == 0 and value >> 255):
        return False
    return is_neutral(multiply(L, point))
