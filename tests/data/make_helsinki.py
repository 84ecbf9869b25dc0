#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Make (or check) the Helsinki test data: real places from OpenStreetMap.

    python3 tests/data/make_helsinki.py --pbf Helsinki.osm.pbf --out tests/data
    python3 tests/data/make_helsinki.py --check

The first form reads a full .osm.pbf extract and writes two files:

  helsinki-places.jsonl    one JSON object a line, one line a place
  helsinki-places.osm.pbf  a trimmed extract holding exactly those places

The second form needs only the shipped files.  It verifies that

  * extracting the places of the shipped .osm.pbf gives the shipped .jsonl,
    byte for byte;
  * the shipped .osm.pbf holds nothing but these places and the nodes their
    outlines need;
  * README.md beside the files states their true sizes and SHA-256 sums.

With --check --pbf FULL it also verifies that both files follow from FULL.

Only the Python standard library (3.8 or newer) is used; the small part of the
PBF format that is needed is read and written below.  The format is described
at https://wiki.openstreetmap.org/wiki/PBF_Format

This script is MIT OR Apache-2.0 like the rest of the project.  The data it
reads and writes is (c) OpenStreetMap contributors, under the ODbL 1.0; see
LICENSE-ODbL.md.

What is a place
---------------
A node or a way (never a relation) that has a non-empty `name` and at least
one of: `shop=*`; `amenity=` one of EATERIES, compared exactly; `craft=*`.
If several apply, `category` is the first in that order; the trimmed .osm.pbf
keeps all tags.  No value is judged or corrected: `shop=yes` stays `shop=yes`.

Where a place is
----------------
`lat` and `lon` are whole numbers of 1e-7 degree.  For a way they are the mean
of its distinct nodes (the node that closes a ring counts once), rounded to the
nearest whole number, halves upwards.  No floating point is involved anywhere.

Determinism
-----------
The same input gives the same .jsonl always, and the same .osm.pbf as long as
zlib is the same implementation (another one may compress the same content to
other bytes).  --check therefore never compresses: it compares contents.
"""

import argparse
import hashlib
import json
import os
import sys
import zlib
from collections import Counter, namedtuple

BASENAME = "helsinki-places"

EATERIES = frozenset(
    ["restaurant", "cafe", "fast_food", "bar", "pub", "ice_cream", "food_court", "biergarten"]
)
ADDRESS_KEYS = ("city", "housenumber", "postcode", "street")
NAME_LANGUAGES = ("fi", "sv", "en")
COPIED_KEYS = ("opening_hours", "phone", "website", "cuisine", "wheelchair")

WRITING_PROGRAM = "synlog tests/data/make_helsinki.py"
SOURCE = "(c) OpenStreetMap contributors, ODbL 1.0, https://www.openstreetmap.org/copyright"

# Features of an input file that this reader understands.
KNOWN_FEATURES = frozenset(["OsmSchema-V0.6", "DenseNodes"])

MAX_BLOB_HEADER = 64 * 1024  # limits the format itself sets
MAX_BLOB = 32 * 1024 * 1024
MAX_GROUP = 8000  # entities in one block

Node = namedtuple("Node", "id lat lon tags")  # lat, lon in 1e-7 degree
Way = namedtuple("Way", "id refs tags")
Extract = namedtuple("Extract", "header nodes ways")  # header: field -> list of values


class PbfError(Exception):
    """The input is not a .osm.pbf file that this script can read."""


# --------------------------------------------------------------------------
# Protocol buffers: the wire format, as far as OSM needs it
# --------------------------------------------------------------------------

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def read_varint(buf, pos):
    value = shift = 0
    while True:
        if pos >= len(buf) or shift > 63:
            raise PbfError("bad varint")
        byte = buf[pos]
        pos += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, pos
        shift += 7


def read_message(buf):
    """A message as {field number: [value, ...]}; values are ints or bytes."""
    fields = {}
    pos = 0
    while pos < len(buf):
        key, pos = read_varint(buf, pos)
        wire = key & 7
        if wire == VARINT:
            value, pos = read_varint(buf, pos)
        else:
            if wire == BYTES:
                size, pos = read_varint(buf, pos)
            elif wire == FIXED64:
                size = 8
            elif wire == FIXED32:
                size = 4
            else:
                raise PbfError("unknown wire type %d" % wire)
            if size > len(buf) - pos:
                raise PbfError("field runs past the end of its message")
            value = bytes(buf[pos : pos + size])
            pos += size
        fields.setdefault(key >> 3, []).append(value)
    return fields


def one(fields, number, default=None):
    """The value of a field that is not repeated (the last one counts)."""
    return fields[number][-1] if number in fields else default


def packed(fields, number):
    """The values of a repeated integer field, packed or not."""
    values = []
    for item in fields.get(number, ()):
        if isinstance(item, int):
            values.append(item)
            continue
        pos = 0
        while pos < len(item):
            value, pos = read_varint(item, pos)
            values.append(value)
    return values


def signed(value):
    """int32/int64: two's complement in 64 bits."""
    return value - (1 << 64) if value >> 63 else value


def unzigzag(value):
    """sint32/sint64."""
    return (value >> 1) ^ -(value & 1)


def undelta(values):
    total = 0
    out = []
    for value in values:
        total += unzigzag(value)
        out.append(total)
    return out


def varint(value):
    value &= 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def zigzag(value):
    return value << 1 if value >= 0 else ((-value) << 1) - 1


def int_field(number, value):
    return varint(number << 3 | VARINT) + varint(value)


def bytes_field(number, value):
    return varint(number << 3 | BYTES) + varint(len(value)) + value


def packed_field(number, values):
    if not values:
        return b""
    return bytes_field(number, b"".join(varint(value) for value in values))


def delta(values):
    last = 0
    out = []
    for value in values:
        out.append(zigzag(value - last))
        last = value
    return out


# --------------------------------------------------------------------------
# .osm.pbf: reading
# --------------------------------------------------------------------------


def read_blocks(data):
    """The uncompressed blocks of a file, as a list of (type, bytes)."""
    blocks = []
    pos = 0
    while pos < len(data):
        if len(data) - pos < 4:
            raise PbfError("file is cut off")
        size = int.from_bytes(data[pos : pos + 4], "big")
        pos += 4
        if size > MAX_BLOB_HEADER or size > len(data) - pos:
            raise PbfError("bad blob header size: not a .osm.pbf file, or cut off")
        header = read_message(data[pos : pos + size])
        pos += size
        kind = one(header, 1, b"").decode("utf-8")
        size = one(header, 3, 0)
        if size > MAX_BLOB or size > len(data) - pos:
            raise PbfError("bad blob size: file is cut off?")
        blob = read_message(data[pos : pos + size])
        pos += size
        if 1 in blob:
            content = one(blob, 1)
        elif 3 in blob:
            inflate = zlib.decompressobj()
            try:
                content = inflate.decompress(one(blob, 3), MAX_BLOB)
            except zlib.error as err:
                raise PbfError("bad zlib data: %s" % err)
            if not inflate.eof:
                raise PbfError("zlib data is cut off or too large")
            if len(content) != one(blob, 2, len(content)):
                raise PbfError("block is not as long as it says")
        else:
            raise PbfError("block is neither raw nor zlib")
        blocks.append((kind, content))
    if not blocks or blocks[0][0] != "OSMHeader":
        raise PbfError("no OSMHeader at the start of the file")
    return blocks


def read_extract(data):
    """Nodes and ways of a .osm.pbf file by id (relations are passed over)."""
    blocks = read_blocks(data)
    header = read_message(blocks[0][1])
    for feature in header.get(4, ()):
        if feature.decode("utf-8") not in KNOWN_FEATURES:
            raise PbfError("file needs a feature not known here: %r" % feature)
    extract = Extract(header, {}, {})
    for kind, content in blocks[1:]:
        if kind == "OSMData":
            read_block(read_message(content), extract)
        # The format asks readers to pass over blocks of other types.
    return extract


def read_block(block, extract):
    strings = [s.decode("utf-8") for s in read_message(one(block, 1, b"")).get(1, ())]
    granularity = signed(one(block, 17, 100))
    lat_offset = signed(one(block, 19, 0))
    lon_offset = signed(one(block, 20, 0))

    def e7(offset, value):  # nanodegrees to 1e-7 degree, halves upwards
        return (offset + granularity * value + 50) // 100

    def tags(keys, values):
        if len(keys) != len(values):
            raise PbfError("keys and values do not pair up")
        return {strings[k]: strings[v] for k, v in zip(keys, values)}

    def add(table, entity):
        if entity.id in table:
            raise PbfError("id %d is there twice" % entity.id)
        table[entity.id] = entity

    def add_node(ident, lat, lon, node_tags):
        node = Node(ident, e7(lat_offset, lat), e7(lon_offset, lon), node_tags)
        if abs(node.lat) > 900000000 or abs(node.lon) > 1800000000:
            raise PbfError("node %d is not on this earth" % ident)
        add(extract.nodes, node)

    for raw_group in block.get(2, ()):
        group = read_message(raw_group)

        for raw in group.get(1, ()):  # plain nodes
            node = read_message(raw)
            add_node(
                unzigzag(one(node, 1)),
                unzigzag(one(node, 8)),
                unzigzag(one(node, 9)),
                tags(packed(node, 2), packed(node, 3)),
            )

        for raw in group.get(2, ()):  # dense nodes
            dense = read_message(raw)
            ids = undelta(packed(dense, 1))
            lats = undelta(packed(dense, 8))
            lons = undelta(packed(dense, 9))
            if not len(ids) == len(lats) == len(lons):
                raise PbfError("dense nodes do not line up")
            rest = packed(dense, 10)
            pos = 0
            for ident, lat, lon in zip(ids, lats, lons):
                start = pos
                while pos < len(rest) and rest[pos] != 0:
                    pos += 2
                add_node(ident, lat, lon, tags(rest[start:pos:2], rest[start + 1 : pos : 2]))
                pos += 1

        for raw in group.get(3, ()):  # ways
            way = read_message(raw)
            add(
                extract.ways,
                Way(
                    signed(one(way, 1)),
                    undelta(packed(way, 8)),
                    tags(packed(way, 2), packed(way, 3)),
                ),
            )


# --------------------------------------------------------------------------
# .osm.pbf: writing
# --------------------------------------------------------------------------


def make_blocks(extract):
    """The uncompressed blocks of a file: header, nodes by id, ways by id.

    Who edited an object and when is not written: the data is for tests, and
    names of mappers have no place in them.
    """
    header = b"".join(bytes_field(1, bbox) for bbox in extract.header.get(1, ())[-1:])
    header += bytes_field(4, b"OsmSchema-V0.6") + bytes_field(4, b"DenseNodes")
    header += bytes_field(5, b"Sort.Type_then_ID")
    header += bytes_field(16, WRITING_PROGRAM.encode()) + bytes_field(17, SOURCE.encode())
    # How fresh the data is, if the source says so (osmosis_replication_*).
    for number in (32, 33, 34):
        value = one(extract.header, number)
        if isinstance(value, int):
            header += int_field(number, value)
        elif value is not None:
            header += bytes_field(number, value)

    blocks = [("OSMHeader", header)]
    for table, make in ((extract.nodes, make_node_block), (extract.ways, make_way_block)):
        entities = [table[ident] for ident in sorted(table)]
        for start in range(0, len(entities), MAX_GROUP):
            blocks.append(("OSMData", make(entities[start : start + MAX_GROUP])))
    return blocks


def string_table(entities):
    """All strings, most used first; number 0 stays empty, it is a delimiter."""
    uses = Counter()
    for entity in entities:
        for key, value in entity.tags.items():
            uses[key] += 1
            uses[value] += 1
    order = sorted(uses, key=lambda s: (-uses[s], s))
    index = {s: i for i, s in enumerate(order, 1)}
    encoded = bytes_field(1, b"") + b"".join(bytes_field(1, s.encode("utf-8")) for s in order)
    return index, bytes_field(1, encoded)


def make_node_block(nodes):
    index, table = string_table(nodes)
    keys_vals = []
    for node in nodes:
        for key, value in sorted(node.tags.items()):
            keys_vals += [index[key], index[value]]
        keys_vals.append(0)
    dense = (
        packed_field(1, delta([node.id for node in nodes]))
        + packed_field(8, delta([node.lat for node in nodes]))
        + packed_field(9, delta([node.lon for node in nodes]))
        + packed_field(10, keys_vals)
    )
    # Granularity and offsets are at their defaults: 100 nanodegrees, 0 and 0.
    return table + bytes_field(2, bytes_field(2, dense))


def make_way_block(ways):
    index, table = string_table(ways)
    group = b""
    for way in ways:
        tags = sorted(way.tags.items())
        group += bytes_field(
            3,
            int_field(1, way.id)
            + packed_field(2, [index[key] for key, _ in tags])
            + packed_field(3, [index[value] for _, value in tags])
            + packed_field(8, delta(way.refs)),
        )
    return table + bytes_field(2, group)


def make_file(blocks):
    out = bytearray()
    for kind, content in blocks:
        blob = int_field(2, len(content)) + bytes_field(3, zlib.compress(content, 9))
        header = bytes_field(1, kind.encode()) + int_field(3, len(blob))
        out += len(header).to_bytes(4, "big") + header + blob
    return bytes(out)


# --------------------------------------------------------------------------
# Places
# --------------------------------------------------------------------------


def category(tags):
    """'shop=bakery' and the like, or None if this is no place for us."""
    if not tags.get("name"):
        return None
    if tags.get("shop"):
        return "shop=" + tags["shop"]
    if tags.get("amenity") in EATERIES:
        return "amenity=" + tags["amenity"]
    if tags.get("craft"):
        return "craft=" + tags["craft"]
    return None


def trim(extract):
    """Only the places, and the nodes that the ways among them need."""
    ways = {}
    for way in extract.ways.values():
        if category(way.tags):
            # A way without one node in the file is nowhere.
            if any(ref in extract.nodes for ref in way.refs):
                ways[way.id] = way
            else:
                print("passed over way/%d: none of its nodes is there" % way.id, file=sys.stderr)
    needed = {ref for way in ways.values() for ref in way.refs}
    nodes = {
        node.id: node
        for node in extract.nodes.values()
        if node.id in needed or category(node.tags)
    }
    return Extract(extract.header, nodes, ways)


def mean(values):
    """The mean rounded to the nearest whole number, halves upwards."""
    return (2 * sum(values) + len(values)) // (2 * len(values))


def place(kind, ident, lat, lon, tags):
    out = {
        "category": category(tags),
        "lat": lat,
        "lon": lon,
        "name": tags["name"],
        "osm": "%s/%d" % (kind, ident),
    }
    address = {key: tags["addr:" + key] for key in ADDRESS_KEYS if tags.get("addr:" + key)}
    if address:
        out["address"] = address
    names = {lang: tags["name:" + lang] for lang in NAME_LANGUAGES if tags.get("name:" + lang)}
    if names:
        out["names"] = names
    for key in COPIED_KEYS:
        if tags.get(key):
            out[key] = tags[key]
    return out


def places(extract):
    """The places of an extract: nodes by id, then ways by id."""
    out = []
    for ident in sorted(extract.nodes):
        node = extract.nodes[ident]
        if category(node.tags):
            out.append(place("node", ident, node.lat, node.lon, node.tags))
    for ident in sorted(extract.ways):
        way = extract.ways[ident]
        nodes = [extract.nodes[ref] for ref in sorted(set(way.refs)) if ref in extract.nodes]
        if category(way.tags) and nodes:
            lat = mean([node.lat for node in nodes])
            lon = mean([node.lon for node in nodes])
            out.append(place("way", ident, lat, lon, way.tags))
    return out


def make_jsonl(items):
    lines = [
        json.dumps(item, sort_keys=True, ensure_ascii=False, separators=(",", ":")) + "\n"
        for item in items
    ]
    return "".join(lines).encode("utf-8")


def report(items, files):
    kinds = Counter(item["category"].split("=", 1)[0] for item in items)
    print(
        "%d places: %d shops, %d eateries, %d crafts; %d nodes, %d ways"
        % (
            len(items),
            kinds["shop"],
            kinds["amenity"],
            kinds["craft"],
            sum(item["osm"].startswith("node/") for item in items),
            sum(item["osm"].startswith("way/") for item in items),
        )
    )
    with_key = Counter(key for item in items for key in item)
    for key in ("address", "names") + COPIED_KEYS:
        print("  with %-14s %4d" % (key + ":", with_key[key]))
    for name, data in files:
        print("%s  %s  (%d bytes)" % (hashlib.sha256(data).hexdigest(), name, len(data)))


# --------------------------------------------------------------------------
# Commands
# --------------------------------------------------------------------------


def read_file(path):
    with open(path, "rb") as file:
        return file.read()


def make(pbf, out):
    full = read_file(pbf)
    trimmed = trim(read_extract(full))
    items = places(trimmed)
    files = [
        (BASENAME + ".jsonl", make_jsonl(items)),
        (BASENAME + ".osm.pbf", make_file(make_blocks(trimmed))),
    ]
    os.makedirs(out, exist_ok=True)
    for name, data in files:
        with open(os.path.join(out, name), "wb") as file:
            file.write(data)
    report(items, [(os.path.basename(pbf), full)] + files)
    return 0


def check(folder, pbf):
    names = (BASENAME + ".jsonl", BASENAME + ".osm.pbf")
    jsonl, shipped_pbf = (read_file(os.path.join(folder, name)) for name in names)
    files = list(zip(names, (jsonl, shipped_pbf)))
    shipped_blocks = read_blocks(shipped_pbf)
    faults = []

    sources = [("the shipped %s" % names[1], shipped_pbf)]
    if pbf is not None:
        sources.append((pbf, read_file(pbf)))
    for source, data in sources:
        trimmed = trim(read_extract(data))
        items = places(trimmed)
        if make_jsonl(items) != jsonl:
            faults.append("%s does not follow from %s" % (names[0], source))
        if make_blocks(trimmed) != shipped_blocks:
            faults.append("content of %s is not what follows from %s" % (names[1], source))

    readme = read_file(os.path.join(folder, "README.md")).decode("utf-8")
    for name, data in files:
        size, digest = str(len(data)), hashlib.sha256(data).hexdigest()
        if not any(
            name in line and size in line.split() and digest in line
            for line in readme.replace("`", " ").replace("|", " ").splitlines()
        ):
            faults.append("README.md has no line with %s, %s and %s" % (name, size, digest))

    report(items, files)
    for fault in faults:
        print("FAULT: " + fault, file=sys.stderr)
    print("check: " + ("%d fault(s)" % len(faults) if faults else "ok"))
    return 1 if faults else 0


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(
        description="Make or check the Helsinki places test data (OpenStreetMap, ODbL 1.0).",
        epilog="The notes at the head of this script and README.md say more.",
    )
    parser.add_argument("--pbf", metavar="FILE", help="the full .osm.pbf to read")
    parser.add_argument(
        "--out",
        metavar="DIR",
        default=here,
        help="folder of the data files (default: where this script is)",
    )
    parser.add_argument("--check", action="store_true", help="write nothing, verify the files")
    args = parser.parse_args()
    if not args.check and args.pbf is None:
        parser.error("--pbf FILE is needed to make the files (or use --check)")
    for stream in (sys.stdout, sys.stderr):  # whatever the locale
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        return check(args.out, args.pbf) if args.check else make(args.pbf, args.out)
    except (PbfError, OSError, IndexError, UnicodeDecodeError) as err:
        print("error: %s: %s" % (type(err).__name__, err), file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
