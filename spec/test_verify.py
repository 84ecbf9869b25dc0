"""Tests of verify.py: `python3 -m unittest discover spec` or `python3 spec/test_verify.py`."""

import contextlib
import io
import json
import os
import random
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import verify  # noqa: E402
from testkit import Device, Entity, Key, bundle  # noqa: E402
from verifier import blake3, cbor, ed25519, sealed, xchacha  # noqa: E402
from verifier.bundle import Verified  # noqa: E402
from verifier.encoding import H, Reader, Refused, lbytes, varint  # noqa: E402
from verifier.entry import decode_header, encode_header, read_payload, skip_target  # noqa: E402
from verifier.order import STATUS  # noqa: E402


def unhex(text):
    return bytes.fromhex(text.replace(" ", ""))


class Primitives(unittest.TestCase):
    def test_blake3_derive_key(self):
        # From test_vectors.json of the BLAKE3 repository, first 32 bytes.
        context = "BLAKE3 2019-12-27 16:29:52 test vectors context"
        known = {
            0: "2cc39783c223154fea8dfb7c1b1660f2ac2dcbd1c1de8277b0b0dd39b7e50d7d",
            1: "b3e2e340a117a499c6cf2398a19ee0d29cca2bb7404c73063382693bf66cb06c",
            1023: "74a16c1c3d44368a86e1ca6df64be6a2f64cce8f09220787450722d85725dea5",
            1024: "7356cd7720d5b66b6d0697eb3177d9f8d73a4a5c5e968896eb6a689684302706",
            1025: "effaa245f065fbf82ac186839a249707c3bddf6d3fdda22d1b95a3c970379bcb",
            2048: "7b2945cb4fef70885cc5d78a87bf6f6207dd901ff239201351ffac04e1088a23",
            2049: "2ea477c5515cc3dd606512ee72bb3e0e758cfae7232826f35fb98ca1bcbdf273",
            3072: "050df97f8c2ead654d9bb3ab8c9178edcd902a32f8495949feadcc1e0480c46b",
            4097: "aca51029626b55fda7117b42a7c211f8c6e9ba4fe5b7a8ca922f34299500ead8",
            5121: "b07f01e518e702f7ccb44a267e9e112d403a7b3f4883a47ffbed4b48339b3c34",
            7168: "11c37a112765370c94a51415d0d651190c288566e295d505defdad895dae2237",
        }
        for size, digest in known.items():
            data = bytes(i % 251 for i in range(size))
            self.assertEqual(blake3.derive_key_slow(context, data).hex(), digest)
            self.assertEqual(blake3.derive_key(context, data).hex(), digest)

    def test_rfc_8032(self):
        # Section 7.1, tests 1 to 3: secret, public, message, signature.
        for secret, public, message, signature in (
            ("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
             "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
             "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
             "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
            ("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
             "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
             "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
             "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
            ("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
             "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
             "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
             "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
        ):
            key = Key.from_secret(unhex(secret))
            self.assertEqual(key.public.hex(), public)
            self.assertEqual(key.sign(unhex(message)).hex(), signature)
            self.assertTrue(ed25519.admitted(key.public))
            self.assertTrue(ed25519.verify(key.public, unhex(message), unhex(signature)))
            self.assertFalse(ed25519.verify(key.public, b"other", unhex(signature)))
            high = int.from_bytes(unhex(signature)[32:], "little") + ed25519.L
            self.assertFalse(ed25519.verify(key.public, unhex(message),
                                            unhex(signature)[:32] + high.to_bytes(32, "little")))

    def test_key_used_often(self):
        key = Key("often")
        for i in range(20):
            message = b"%d" % i
            self.assertTrue(ed25519.verify(key.public, message, key.sign(message)))
            self.assertFalse(ed25519.verify(key.public, b"no", key.sign(message)))

    def test_zip_215(self):
        # Small-order A and R with S = 0 pass the cofactored equation, in every
        # spelling of the points; no such key is admitted.
        small = [(1).to_bytes(32, "little"), (ed25519.P - 1).to_bytes(32, "little"),
                 bytes(32), (1 << 255).to_bytes(32, "little"),
                 (ed25519.P + 1).to_bytes(32, "little"), ed25519.P.to_bytes(32, "little"),
                 (1 | 1 << 255).to_bytes(32, "little"),
                 unhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
                 unhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")]
        for a in small:
            self.assertFalse(ed25519.admitted(a))
            for r in small:
                self.assertTrue(ed25519.verify(a, b"Zcash", r + bytes(32)))
        self.assertFalse(ed25519.admitted((2).to_bytes(32, "little")))
        mixed = ed25519.add(ed25519.BASE, ed25519.decode(small[7]))
        self.assertFalse(ed25519.admitted(ed25519.encode(mixed)))
        self.assertTrue(ed25519.admitted(ed25519.encode(ed25519.BASE)))

    def test_hchacha20(self):
        # draft-irtf-cfrg-xchacha-03, 2.2.1
        self.assertEqual(xchacha.hchacha20(bytes(range(32)), unhex(
            "000000090000004a0000000031415927")).hex(),
            "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc")

    def test_xchacha20_poly1305(self):
        # draft-irtf-cfrg-xchacha-03, A.3.1
        text = (b"Ladies and Gentlemen of the class of '99: If I could offer you "
                b"only one tip for the future, sunscreen would be it.")
        key, nonce = bytes(range(0x80, 0xA0)), bytes(range(0x40, 0x58))
        aad = unhex("50515253c0c1c2c3c4c5c6c7")
        out = xchacha.seal(key, nonce, aad, text)
        self.assertEqual(out.hex(), (
            "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb"
            "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452"
            "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
            "21f9664c97637da9768812f615c68b13b52e"
            "c0875924c1c7987947deafd8780acf49"))
        self.assertEqual(xchacha.unseal(key, nonce, aad, out), text)
        self.assertIsNone(xchacha.unseal(key, nonce, b"", out))
        self.assertIsNone(xchacha.unseal(key, nonce, aad, out[:-1] + b"\0"))
        self.assertIsNone(xchacha.unseal(key, nonce, aad, b"short"))


class Encodings(unittest.TestCase):
    def refused(self, code, function, *args):
        with self.assertRaises(Refused) as caught:
            function(*args)
        self.assertEqual(caught.exception.code, code)

    def test_varint(self):
        for value in (0, 1, 127, 128, 300, 2 ** 32, 2 ** 64 - 1):
            r = Reader(varint(value))
            self.assertEqual(r.varint(), value)
            r.done()
        for code, raw in (("truncated", ""), ("truncated", "80"), ("not_canonical", "8000"),
                          ("not_canonical", "ffffffffffffffffff02"),
                          ("not_canonical", "ffffffffffffffffffff01")):
            self.refused(code, Reader(unhex(raw)).varint)
        self.refused("too_large", Reader(b"\x05aaaaa").bytes, 4)
        self.refused("not_canonical", Reader(b"\x02").flag)

    def test_cbor(self):
        for item in (0, 23, 24, 255, 256, 65536, 2 ** 63 - 1, -1, -2 ** 63, b"x" * 30, "é",
                     [], [1, [2]], {"a": 1, "b": None, "aa": True}, False):
            self.assertEqual(cbor.decode(cbor.encode(item)), item)
        for raw in ("", "18", "1817", "190018", "1a00000100", "1bffffffffffffffff",
                    "3b8000000000000000", "f90000", "fa00000000", "c000", "f7", "f818", "9fff",
                    "5f4100ff", "61ff", "a2616101616102", "a2616201616102", "a0a0", "a10101",
                    "62c328", "9b0000000100000000", "1c", "a1616100a0",
                    "81" * 16 + "00", "81" * 100000):
            self.refused("bad_cbor", cbor.decode, unhex(raw))
        self.assertEqual(cbor.decode(unhex("81" * 15 + "00"))[0][0][0][0] is None, False)

    def test_lipmaa(self):
        # Bamboo's table: n -> lipmaa(n)
        table = {2: 1, 3: 2, 4: 1, 5: 4, 6: 5, 7: 6, 8: 4, 9: 8, 10: 9, 11: 10, 12: 8, 13: 4,
                 14: 13, 17: 13, 21: 17, 25: 21, 26: 13, 39: 26, 40: 13}
        for n, to in table.items():
            self.assertEqual(skip_target(n - 1), None if to == n - 1 else to - 1)
        self.assertIsNone(skip_target(0))

    def test_header_round_trip(self):
        a = Device("a", Entity("a"))
        g = a.genesis()
        e = [g] + [a.write(g, "note.add", {}) for _ in range(13)]
        for x in e:
            raw = encode_header(x.header)
            self.assertEqual(decode_header(raw).id, x.id)
            self.refused("truncated", decode_header, raw[:-1])
            self.refused("not_canonical", decode_header, raw + b"\0")
        self.refused("bad_header", decode_header, b"\2" + encode_header(g.header)[1:])

    def test_unsplit_payload(self):
        # Without the option byte at the end nothing splits; the hash is over all.
        p = read_payload(b"\x08note.add\x01\xa0\x00")
        self.assertIsNone(p.part)
        self.assertEqual(p.hash, H("body", b"\x08note.add\x01\xa0\x00"))
        self.assertIsNone(read_payload(b"\x00\x01\xa0\x00\x00").part)
        self.assertIsNone(read_payload(b"\x02\xff\xff\x01\xa0\x00\x00").part)
        self.assertIsNotNone(read_payload(b"\x01A\x01\xff\x00\x00").part)


class Sealed(unittest.TestCase):
    def test_sealed(self):
        a = Device("a", Entity("a"))
        g = a.genesis(visibility="private")
        e = a.write(g, "note.add")
        header = decode_header(encode_header(e.header))
        key = bytes(range(32))
        part = lbytes(b"note.add") + lbytes(cbor.encode({"t": "hi"})) + b"\0"
        body = sealed.seal_map(3, key, header, 0, bytes(24), part)
        data = sealed.seal_map(3, key, header, 1, bytes(24), cbor.encode({"who": "me"}))

        def opened(epoch=3, body=body, data=data, kind=b"topic.sealed"):
            raw = (lbytes(kind) + lbytes(cbor.encode(body)) + b"\0\1" + bytes(16) + b"\0"
                   + lbytes(cbor.encode(data)))
            try:
                return sealed.open_payload(header, read_payload(raw), epoch, key)
            except Refused as fault:
                return fault.code

        self.assertEqual(opened(), ("note.add", {"t": "hi"}, {"who": "me"}))
        self.assertEqual(opened(epoch=4), "unknown_epoch")
        self.assertEqual(opened(body=dict(body, c=bytes(32))), "unsealable")
        self.assertEqual(opened(body=dict(body, x=body["x"][:-1] + b"\0")), "unsealable")
        self.assertEqual(opened(body=dict(body, n=bytes(23))), "bad_event")
        # A fault in the erasable part looks as if it had been dropped.
        self.assertEqual(opened(data=dict(data, c=bytes(32))), ("note.add", {"t": "hi"}, None))
        twice = lbytes(b"topic.sealed") + lbytes(cbor.encode(body)) + b"\0"
        self.assertEqual(opened(body=sealed.seal_map(3, key, header, 0, bytes(24), twice)),
                         "unsealable")


class Orders(unittest.TestCase):
    def setUp(self):
        self.ann, self.bob, self.cat = Entity("ann"), Entity("bob"), Entity("cat")
        self.a, self.b, self.c = (Device("a", self.ann), Device("b", self.bob),
                                  Device("c", self.cat))
        self.members = [{"entity": self.bob.id, "role": "member"},
                        {"entity": self.cat.id, "role": "member"}]

    def topic(self, **fields):
        return self.a.genesis(members=self.members, **fields)

    def check(self, records, names, rows, errors=(), state="open", by=None, forked_at=None):
        """Verifies the records in several orders; rows are (name, status, code)."""
        records = list(records)
        digests, chance = set(), random.Random(7)
        for _ in range(4):
            v = Verified(bundle(records))
            self.assertEqual(sorted({p.code for p in v.errors}), sorted(errors))
            self.assertEqual(len(v.topics), 1)
            topic, order = v.topics[0]
            digests.add(order.digest)
            chance.shuffle(records)
        self.assertEqual(len(digests), 1)
        names = {e.id: name for name, e in names.items()}
        got = [(names.get(e.id, e.id.hex()), STATUS[status], code)
               for e, status, code in order.list]
        if rows is not None:
            self.assertEqual(got, rows)
        self.assertEqual(order.chain.state, state)
        self.assertEqual(order.chain.forked_at, forked_at)
        if by is not None:
            self.assertEqual(order.chain.sequencer, by.public)
        return topic, order

    def test_sequenced_and_tentative(self):
        g = self.topic()
        b0 = self.b.write(g, "note.add")
        ack = self.a.write(g, "topic.ack", deps=[b0])
        b1 = self.b.write(g, "note.add")
        self.check(self.a.runs(g, ack) + self.b.runs(b0, b1),
                   dict(g=g, b0=b0, ack=ack, b1=b1),
                   [("g", "sequenced", "accepted"), ("b0", "sequenced", "accepted"),
                    ("ack", "sequenced", "accepted"), ("b1", "tentative", "accepted")], by=self.a)

    def forked_feed(self, mode):
        g = self.topic(mode=mode)
        b0 = self.b.write(g, "note.add")
        x1 = self.b.write(g, "note.x", on=b0)
        x2 = self.b.write(g, "note.x", on=x1)
        y1 = self.b.write(g, "note.y", on=b0)
        y2 = self.b.write(g, "note.y", on=y1)
        ax = self.a.write(g, "topic.ack", deps=[x1])
        ay = self.a.write(g, "topic.ack", deps=[y2])
        z = self.a.write(g, "topic.ack")
        records = self.a.runs(g, ax, ay, z) + self.b.runs(b0, x1, x2, y1, y2)
        return records, dict(g=g, b0=b0, x1=x1, x2=x2, y1=y1, y2=y2, ax=ax, ay=ay, z=z)

    def test_both_branches_cited(self):
        records, names = self.forked_feed("ordered")
        topic, _ = self.check(records, names, [
            ("g", "sequenced", "accepted"), ("b0", "sequenced", "accepted"),
            ("x1", "sequenced", "accepted"), ("ax", "sequenced", "accepted"),
            ("y1", "void", "fork"), ("y2", "void", "fork"),
            ("ay", "sequenced", "accepted"), ("z", "sequenced", "accepted"),
            ("x2", "held", "fork")], by=self.a)
        self.assertEqual(topic.feeds[self.b.public].forked_at, 1)

    def test_both_branches_cited_causal(self):
        records, names = self.forked_feed("causal")
        _, order = self.check(records, names, None, by=self.a)
        by_id = {e.id: (STATUS[s], code) for e, s, code in order.list}
        for name in ("x1", "x2", "y1", "y2"):
            self.assertEqual(by_id[names[name].id], ("void", "fork"))
        for name in ("g", "b0", "ax", "ay", "z"):
            self.assertEqual(by_id[names[name].id], ("sequenced", "accepted"))
        keys = [e.hlc for e, _, _ in order.list]
        self.assertEqual(keys, sorted(keys))

    def test_branch_below_placed_one(self):
        # The second branch's entry is void although its own seq is new: its
        # backlink is void.
        g = self.topic()
        b0 = self.b.write(g, "note.add")
        x1 = self.b.write(g, "note.x", on=b0)
        y1 = self.b.write(g, "note.y", on=b0)
        y2 = self.b.write(g, "note.y", on=y1)
        ax = self.a.write(g, "topic.ack", deps=[x1])
        ay = self.a.write(g, "topic.ack", deps=[y2])
        self.check(self.a.runs(g, ax, ay) + self.b.runs(b0, x1, y1, y2),
                   dict(g=g, b0=b0, x1=x1, y1=y1, y2=y2, ax=ax, ay=ay),
                   [("g", "sequenced", "accepted"), ("b0", "sequenced", "accepted"),
                    ("x1", "sequenced", "accepted"), ("ax", "sequenced", "accepted"),
                    ("y1", "void", "fork"), ("y2", "void", "fork"),
                    ("ay", "sequenced", "accepted")])

    def test_sequencer_forks(self):
        g = self.topic()
        a1 = self.a.write(g, "topic.ack")
        x = self.a.write(g, "note.x", on=a1)
        y = self.a.write(g, "note.y", on=a1, hlc=x.hlc + 5)
        self.check(self.a.runs(g, a1, x, y), dict(g=g, a1=a1, x=x, y=y),
                   [("g", "sequenced", "accepted"), ("a1", "sequenced", "accepted"),
                    ("x", "held", "fork"), ("y", "held", "fork")],
                   state="forked", by=self.a, forked_at=2)

    def test_skiplink_against_backlinks(self):
        for with_proof in (False, True):
            g = self.topic(nonce=bytes((with_proof,)) * 16)
            b = [self.b.write(g, "note.add") for _ in range(3)]
            lie = self.b.write(g, "note.lie", skiplink=bytes(31) + b"\1")
            after = self.b.write(g, "note.add")
            ack = self.a.write(g, "topic.ack", deps=[b[1]])
            records = self.a.runs(g, ack) + self.b.runs(*b, lie, after)
            if with_proof:
                records.append(self.b.fork_proof(
                    0, (b[0].id, [b[2], b[1], b[0]]), (lie.header.skiplink, [lie])))
            names = dict(g=g, b0=b[0], b1=b[1], b2=b[2], ack=ack)
            topic, _ = self.check(records, names, [
                ("g", "sequenced", "accepted"), ("b0", "sequenced", "accepted"),
                ("b1", "sequenced", "accepted"), ("ack", "sequenced", "accepted"),
                ("b2", "held", "fork")], errors=["bad_skiplink", "invalid_ancestor"])
            self.assertEqual(topic.feeds[self.b.public].forked_at, 0)

    def test_fork_proof_alone(self):
        g = self.topic()
        b0 = self.b.write(g, "note.add")
        x1 = self.b.write(g, "note.x", on=b0)
        x2 = self.b.write(g, "note.x", on=x1)
        y1 = self.b.write(g, "note.y", on=b0)
        y2 = self.b.write(g, "note.y", on=y1)
        # y2 commits to y1 by its backlink; no header of y1 is needed.
        proof = self.b.fork_proof(1, (x1.id, [x2, x1]), (y1.id, [y2]))
        records = self.a.runs(g) + self.b.runs(b0, x1, x2)
        self.check(records + [proof], dict(g=g, b0=b0, x1=x1, x2=x2), [
            ("g", "sequenced", "accepted"), ("b0", "tentative", "accepted"),
            ("x1", "held", "fork"), ("x2", "held", "fork")])
        wrong = self.b.fork_proof(1, (x1.id, [x1]), (x1.id, [x2]))
        garbled = (2, proof[1][:-1] + bytes((proof[1][-1] ^ 1,)))
        rows = [("g", "sequenced", "accepted"), ("b0", "tentative", "accepted"),
                ("x1", "tentative", "accepted"), ("x2", "tentative", "accepted")]
        names = dict(g=g, b0=b0, x1=x1, x2=x2)
        self.check(records + [wrong], names, rows, errors=["bad_fork_proof"])
        self.check(records + [garbled], names, rows, errors=["bad_signature"])

    def test_fork_of_the_genesis_does_not_count(self):
        g = self.topic()
        a1 = self.a.write(g, "topic.ack")
        other = self.a.write(g, "note.x", fresh=True, hlc=g.hlc + 9)
        proof = self.a.fork_proof(0, (g.id, [g]), (other.id, [other]))
        rows = [("g", "sequenced", "accepted"), ("a1", "sequenced", "accepted")]
        self.check(self.a.runs(g, a1) + [proof], dict(g=g, a1=a1), rows)
        self.check(self.a.runs(g, a1, other), dict(g=g, a1=a1), rows, errors=["second_first"])

    def test_two_geneses(self):
        g1, g2 = self.a.genesis(), self.a.genesis(nonce=b"\1" * 16)
        n1, n2 = self.a.write(g1, "note.add"), self.a.write(g2, "note.add")
        v = Verified(bundle(self.a.runs(n2, g1, g2, n1)))
        self.assertFalse(v.errors)
        self.assertEqual([t.id for t, _ in v.topics], sorted([g1.id, g2.id]))
        for t, o in v.topics:
            self.assertIsNone(t.feeds[self.a.public].forked_at)
            self.assertEqual(o.chain.state, "open")
            self.assertEqual(len(o.list), 2)

    def test_handover(self):
        for mode in ("ordered", "causal"):
            g = self.topic(mode=mode)
            b0 = self.b.write(g, "note.add")
            h = self.a.write(g, "topic.handover", {"next": self.b.public, "head": b0.id}, deps=[b0])
            late = self.a.write(g, "topic.ack")
            b1 = self.b.write(g, "note.add")
            b2 = self.b.write(g, "topic.member", {"entity": self.cat.id, "role": "boss"}, deps=[h])
            names = dict(g=g, b0=b0, h=h, late=late, b1=b1, b2=b2)
            _, order = self.check(self.a.runs(g, h, late) + self.b.runs(b0, b1, b2), names, None,
                                  by=self.b)
            got = {e.id: (STATUS[s], c) for e, s, c in order.list}
            self.assertEqual(got[b1.id], ("sequenced", "accepted"))
            self.assertEqual(got[b2.id], ("sequenced", "accepted"))
            self.assertEqual(got[late.id], ("tentative", "not_sequencer"))
            self.assertEqual([leg.start.id for leg in order.chain.legs], [g.id, b2.id])

    def test_handover_waits_for_its_head(self):
        g = self.topic()
        b0 = self.b.write(g, "note.add")
        b1 = self.b.write(g, "note.add", on=b0)
        h = self.a.write(g, "topic.handover", {"next": self.b.public, "head": b1.id}, deps=[b1])
        # Another branch that descends from h but not from the head it names.
        y1 = self.b.write(g, "topic.ack", on=b0, deps=[h])
        self.check(self.a.runs(g, h) + self.b.runs(b0, b1, y1),
                   dict(g=g, b0=b0, b1=b1, h=h, y1=y1),
                   [("g", "sequenced", "accepted"), ("b0", "sequenced", "accepted"),
                    ("b1", "sequenced", "accepted"), ("h", "sequenced", "accepted"),
                    ("y1", "held", "fork")], by=self.b)
        b2 = self.b.write(g, "topic.ack", on=b1, deps=[h])
        _, order = self.check(self.a.runs(g, h) + self.b.runs(b0, b1, y1, b2), {}, None,
                              by=self.b)
        self.assertEqual(order.chain.legs[-1].start.id, b2.id)

    def test_handover_to_two_branches(self):
        g = self.topic()
        h = self.a.write(g, "topic.handover", {"next": self.b.public, "head": None})
        b0 = self.b.write(g, "note.add")
        x1 = self.b.write(g, "topic.ack", on=b0, deps=[h])
        x2 = self.b.write(g, "topic.ack", on=x1)
        y1 = self.b.write(g, "topic.ack", on=b0, deps=[h], hlc=x1.hlc + 7)
        self.check(self.a.runs(g, h) + self.b.runs(b0, x1, x2, y1),
                   dict(g=g, h=h, b0=b0, x1=x1, x2=x2, y1=y1),
                   [("g", "sequenced", "accepted"), ("h", "sequenced", "accepted"),
                    ("b0", "tentative", "accepted"), ("x1", "held", "fork"),
                    ("x2", "held", "fork"), ("y1", "held", "fork")],
                   state="forked", by=self.b, forked_at=1)

    def test_takeover_below_the_tip(self):
        d = Device("d", self.ann)
        for mode, lost in (("ordered", "held"), ("causal", "void")):
            g = self.topic(mode=mode)
            a1 = self.a.write(g, "topic.ack")
            a2 = self.a.write(g, "note.lost")
            statement = self.ann.takeover(g.id, a1, d.public)
            d0 = d.write(g, "note.add")
            t = d.write(g, "topic.takeover", {"statement": statement}, deps=[a1])
            d2 = d.write(g, "topic.ack")
            names = dict(g=g, a1=a1, a2=a2, d0=d0, t=t, d2=d2)
            _, order = self.check(self.a.runs(g, a1, a2) + d.runs(d0, t, d2), names, None, by=d)
            got = {e.id: (STATUS[s], c) for e, s, c in order.list}
            self.assertEqual(got[a2.id], (lost, "withdrawn"))
            for e in (g, a1, d0, t, d2):
                self.assertEqual(got[e.id], ("sequenced", "accepted"))

    def test_takeover_of_one_that_was_cited(self):
        # What is withdrawn is void where the new sequencer cites it after all.
        d = Device("d", self.ann)
        g = self.topic()
        a1 = self.a.write(g, "topic.ack")
        a2 = self.a.write(g, "note.lost")
        t = d.write(g, "topic.takeover",
                    {"statement": self.ann.takeover(g.id, a1, d.public)}, deps=[a1])
        cites = d.write(g, "topic.ack", deps=[a2])
        self.check(self.a.runs(g, a1, a2) + d.runs(t, cites),
                   dict(g=g, a1=a1, a2=a2, t=t, cites=cites),
                   [("g", "sequenced", "accepted"), ("a1", "sequenced", "accepted"),
                    ("t", "sequenced", "accepted"), ("a2", "void", "withdrawn"),
                    ("cites", "sequenced", "accepted")], by=d)

    def test_takeover_by_the_wrong_root(self):
        g = self.topic()
        a1 = self.a.write(g, "topic.ack")
        t = self.b.write(g, "topic.takeover",
                         {"statement": self.bob.takeover(g.id, a1, self.b.public)}, deps=[a1])
        garbled = self.ann.takeover(g.id, a1, self.b.public)
        garbled = garbled[:-1] + bytes((garbled[-1] ^ 1,))
        u = self.b.write(g, "topic.takeover", {"statement": garbled})
        self.check(self.a.runs(g, a1) + self.b.runs(t, u), dict(g=g, a1=a1, t=t, u=u),
                   [("g", "sequenced", "accepted"), ("a1", "sequenced", "accepted"),
                    ("t", "tentative", "not_sequencer"), ("u", "tentative", "bad_event")],
                   by=self.a, errors=["bad_signature"])

    def test_two_takeovers_under_one_number(self):
        d, e = Device("d", self.ann), Device("e", self.ann)
        g = self.topic()
        a1 = self.a.write(g, "topic.ack")
        a2 = self.a.write(g, "note.add", hlc=a1.hlc + 5)
        first = self.ann.takeover(g.id, a1, d.public)
        second = self.ann.takeover(g.id, a2, e.public, number=self.ann.number - 1)
        t1 = d.write(g, "topic.takeover", {"statement": first}, deps=[a1])
        t2 = e.write(g, "topic.takeover", {"statement": second}, deps=[a2])
        self.check(self.a.runs(g, a1, a2) + d.runs(t1) + e.runs(t2),
                   dict(g=g, a1=a1, a2=a2, t1=t1, t2=t2),
                   [("g", "sequenced", "accepted"), ("a1", "sequenced", "accepted"),
                    ("t1", "tentative", "not_sequencer"), ("a2", "tentative", "accepted"),
                    ("t2", "tentative", "not_sequencer")],
                   state="forked", by=self.a, forked_at=2)
        # The root's last word under a higher number settles it.
        third = self.ann.takeover(g.id, a2, e.public)
        t3 = e.write(g, "topic.takeover", {"statement": third})
        self.check(self.a.runs(g, a1, a2) + d.runs(t1) + e.runs(t2, t3),
                   dict(g=g, a1=a1, a2=a2, t1=t1, t2=t2, t3=t3),
                   [("g", "sequenced", "accepted"), ("a1", "sequenced", "accepted"),
                    ("a2", "sequenced", "accepted"), ("t2", "sequenced", "not_sequencer"),
                    ("t3", "sequenced", "accepted"), ("t1", "tentative", "not_sequencer")],
                   state="open", by=e)

    def test_void_entries_of_the_chain(self):
        # A device that takes over from itself: its entries above last_seq are
        # void though they are the chain, and what is void changes no policy.
        for mode in ("ordered", "causal"):
            g = self.topic(mode=mode)
            dan = Device("dan", Entity("dan"))
            t = self.a.write(g, "topic.takeover", {
                "statement": self.ann.takeover(g.id, g, self.a.public)}, deps=[g])
            m = self.a.write(g, "topic.member", {"entity": dan.entity.id, "role": "member"})
            n = dan.write(g, "note.add", deps=[m])
            self.check(self.a.runs(g, t, m) + dan.runs(n), dict(g=g, t=t, m=m, n=n),
                       [("g", "sequenced", "accepted"), ("t", "void", "withdrawn"),
                        ("m", "void", "withdrawn"), ("n", "tentative", "not_member")], by=self.a)

    def test_handover_before_takeover(self):
        d = Device("d", self.ann)
        g = self.topic()
        h = self.a.write(g, "topic.handover", {"next": self.b.public, "head": None})
        a2 = self.a.write(g, "note.add")
        t = d.write(g, "topic.takeover",
                    {"statement": self.ann.takeover(g.id, a2, d.public)}, deps=[a2])
        _, order = self.check(self.a.runs(g, h, a2) + d.runs(t), {}, None, by=self.b)
        self.assertEqual([e.id for e in order.chain.entries], [g.id, h.id])

    def test_late_entry_under_the_prefix(self):
        # Its hlc lies below entries that are placed; it still comes after them.
        g = self.topic()
        b0 = self.b.write(g, "note.add", hlc=g.hlc + 10)
        ack = self.a.write(g, "topic.ack", deps=[b0])
        late = self.c.write(g, "note.late", hlc=g.hlc + 1)
        rows = [("g", "sequenced", "accepted"), ("b0", "sequenced", "accepted"),
                ("ack", "sequenced", "accepted"), ("late", "tentative", "accepted")]
        names = dict(g=g, b0=b0, ack=ack, late=late)
        self.check(self.a.runs(g, ack) + self.b.runs(b0) + self.c.runs(late), names, rows)
        then = self.a.write(g, "topic.ack", deps=[late])
        rows[3:] = [("late", "sequenced", "accepted"), ("then", "sequenced", "accepted")]
        self.check(self.a.runs(g, ack, then) + self.b.runs(b0) + self.c.runs(late),
                   dict(names, then=then), rows)

    def test_revocation(self):
        b2 = Device("b2", self.bob)
        g = self.topic()
        n0 = self.b.write(g, "note.add")
        ack = self.a.write(g, "topic.ack", deps=[n0])
        r = b2.write(g, "topic.identity", {"statement": self.bob.revoke(self.b.public)}, deps=[n0])
        foreign = self.c.write(g, "topic.identity", {"statement": self.cat.revoke(b2.public)})
        ack2 = self.a.write(g, "topic.ack", deps=[r, foreign])
        n1 = self.b.write(g, "note.add")
        ok = b2.write(g, "note.add")
        self.check(self.a.runs(g, ack, ack2) + self.b.runs(n0, n1) + b2.runs(r, ok)
                   + self.c.runs(foreign),
                   dict(g=g, n0=n0, ack=ack, r=r, foreign=foreign, ack2=ack2, n1=n1, ok=ok),
                   None)
        _, order = self.check(
            self.a.runs(g, ack, ack2) + self.b.runs(n0, n1) + b2.runs(r, ok)
            + self.c.runs(foreign), {}, None)
        got = {e.id: (STATUS[s], c) for e, s, c in order.list}
        self.assertEqual(got[n0.id], ("sequenced", "accepted"))
        self.assertEqual(got[n1.id], ("tentative", "revoked"))
        self.assertEqual(got[ok.id], ("tentative", "accepted"))

    def test_revocation_causal(self):
        b2 = Device("b2", self.bob)
        g = self.topic(mode="causal")
        n0 = self.b.write(g, "note.add")
        n1 = self.b.write(g, "note.add")
        r = b2.write(g, "topic.identity", {
            "statement": self.bob.revoke(self.b.public),
            "cuts": [{"device": self.b.public, "last_seq": 0, "head": n0.id},
                     {"device": self.c.public, "last_seq": -1, "head": None}]}, deps=[n0])
        # Another entity's root has no say about that device.
        theft = self.c.write(g, "topic.identity", {
            "statement": self.cat.revoke(b2.public),
            "cuts": [{"device": b2.public, "last_seq": -1, "head": None}]})
        after = self.b.write(g, "note.add", deps=[r])
        _, order = self.check(self.a.runs(g) + self.b.runs(n0, n1, after) + b2.runs(r)
                              + self.c.runs(theft), {}, None)
        got = {e.id: (STATUS[s], c) for e, s, c in order.list}
        self.assertEqual(got[n0.id], ("tentative", "accepted"))
        self.assertEqual(got[n1.id], ("void", "removed"))
        self.assertEqual(got[after.id], ("void", "removed"))
        self.assertEqual(got[r.id], ("tentative", "accepted"))
        self.assertEqual(got[theft.id], ("tentative", "accepted"))

    def test_removal(self):
        g = self.topic()
        b0 = self.b.write(g, "note.add")
        a1 = self.a.write(g, "topic.remove", {"entity": self.bob.id}, deps=[b0])
        b1 = self.b.write(g, "note.add")
        a2 = self.a.write(g, "topic.ack", deps=[b1])
        not_mine = self.b.write(g, "topic.remove", {"entity": self.cat.id})
        self.check(self.a.runs(g, a1, a2) + self.b.runs(b0, b1, not_mine),
                   dict(g=g, b0=b0, a1=a1, b1=b1, a2=a2, not_mine=not_mine),
                   [("g", "sequenced", "accepted"), ("b0", "sequenced", "accepted"),
                    ("a1", "sequenced", "accepted"), ("b1", "sequenced", "not_member"),
                    ("a2", "sequenced", "accepted"), ("not_mine", "tentative", "not_member")])

    def test_removal_causal(self):
        g = self.topic(mode="causal")
        b0 = self.b.write(g, "note.add")
        b1 = self.b.write(g, "note.add", hlc=b0.hlc + 100)
        # c's head is not an ancestor of the removal: that cut is not good.
        c0 = self.c.write(g, "note.add")
        c1 = self.c.write(g, "note.add")
        a1 = self.a.write(g, "topic.remove", {"entity": self.bob.id, "cuts": [
            {"device": self.b.public, "last_seq": 0, "head": b0.id},
            {"device": self.c.public, "last_seq": 0, "head": c0.id},
            {"device": self.a.public, "last_seq": -1, "head": None}]}, deps=[b0])
        self.check(self.a.runs(g, a1) + self.b.runs(b0, b1) + self.c.runs(c0, c1),
                   {}, None)
        _, order = self.check(self.a.runs(g, a1) + self.b.runs(b0, b1) + self.c.runs(c0, c1),
                              {}, None)
        got = {e.id: (STATUS[s], c) for e, s, c in order.list}
        self.assertEqual(got[b0.id], ("sequenced", "accepted"))
        self.assertEqual(got[b1.id], ("void", "removed"))
        self.assertEqual(got[c1.id], ("tentative", "accepted"))
        self.assertEqual(got[a1.id], ("sequenced", "accepted"))

    def test_stale_certificate(self):
        for mode in ("ordered", "causal"):
            bob = Entity("bob")
            b1, old, stale = Device("b1", bob), Device("old", bob), Device("stale", bob)
            g = self.topic(mode=mode)
            before = old.write(g, "note.add")
            r = b1.write(g, "topic.identity", {"statement": bob.rotate("bob 2")}, deps=[before])
            ack = self.a.write(g, "topic.ack", deps=[r])
            fresh = Device("fresh", bob)
            n1, n2 = stale.write(g, "note.add", deps=[ack]), fresh.write(g, "note.add", deps=[ack])
            n3 = old.write(g, "note.add", deps=[ack])
            _, order = self.check(self.a.runs(g, ack) + b1.runs(r) + old.runs(before, n3)
                                  + stale.runs(n1) + fresh.runs(n2), {}, None)
            got = {e.id: c for e, s, c in order.list}
            self.assertEqual(got[n1.id], "stale_certificate")
            self.assertEqual(got[n2.id], "accepted")
            self.assertEqual(got[n3.id], "accepted")

    def test_tombstone_and_erasure(self):
        g = self.topic()
        n = self.b.write(g, "note.add", {"t": 1}, erasable={"phone": "123"})
        bad = self.b.write(g, "note.add", {}, erasable=b"\xff")
        tomb = self.b.write(g, "topic.tombstone", {"target": n.id})
        ack = self.a.write(g, "topic.ack", deps=[tomb])
        rows = [("g", "sequenced", "accepted"), ("n", "sequenced", "accepted"),
                ("bad", "sequenced", "accepted"), ("tomb", "sequenced", "accepted"),
                ("ack", "sequenced", "accepted")]
        names = dict(g=g, n=n, bad=bad, tomb=tomb, ack=ack)
        _, whole = self.check(self.a.runs(g, ack) + [self.b.run(n, bad, tomb)], names, rows)
        topic, erased = self.check(
            self.a.runs(g, ack) + [self.b.run(n, bad, tomb, erase=(n, bad))], names, rows)
        # A faulty erasable part must not show, or whoever dropped it would differ.
        self.assertEqual(whole.digest, erased.digest)
        self.assertEqual(sum(e.erased for e in topic.entries), 2)
        topic, both = self.check(self.a.runs(g, ack) + [
            self.b.run(n, bad, tomb, erase=(n, bad)), self.b.run(n, bad, tomb, erase=(bad,))],
            names, rows)
        self.assertEqual(sum(e.erased for e in topic.entries), 1)

    def test_garbled_inner_signature(self):
        g = self.topic()
        b = [self.b.write(g, "note.add") for _ in range(4)]
        rows = [("g", "sequenced", "accepted")] + [
            ("b%d" % i, "tentative", "accepted") for i in range(4)]
        names = dict(g=g, **{"b%d" % i: e for i, e in enumerate(b)})
        runs = [self.b.run(b[0], b[1], sign=False), self.b.run(*b[2:])]
        self.check(self.a.runs(g) + runs, names, rows, errors=["bad_signature"])
        runs = [self.b.run(b[0], b[1], sign=None), self.b.run(*b[2:])]
        self.check(self.a.runs(g) + runs, names, rows)
        runs = [self.b.run(b[0], b[1]), self.b.run(*b[2:], sign=False)]
        self.check(self.a.runs(g) + runs, names, rows[:3], errors=["bad_signature"])
        runs = [self.b.run(b[0], b[1]), self.b.run(*b[2:], sign=None)]
        self.check(self.a.runs(g) + runs, names, rows[:3], errors=["bad_signature"])

    def test_missing_ancestors(self):
        g = self.topic()
        b = [self.b.write(g, "note.add") for _ in range(4)]
        c0 = self.c.write(g, "note.add", deps=[b[2]])
        c1 = self.c.write(g, "note.add")
        v = Verified(bundle(self.a.runs(g) + self.b.runs(b[0], b[2], b[3])
                            + self.c.runs(c0, c1)))
        self.assertEqual({p.code for p in v.errors}, {"missing_ancestor"})
        self.assertEqual(sorted((p.author, p.seq) for p in v.errors), sorted(
            [(self.b.public, 2), (self.b.public, 3), (self.c.public, 0), (self.c.public, 1)]))
        self.assertEqual([e.id for e, _, _ in v.topics[0][1].list], [g.id, b[0].id])
        v = Verified(bundle(self.b.runs(*b)))
        self.assertEqual((v.topics, {p.code for p in v.errors}), ([], {"missing_ancestor"}))

    def test_invalid_entries(self):
        g, other = self.topic(), self.b.genesis(nonce=b"\2" * 16)
        slow = self.b.write(g, "note.add", hlc=g.hlc)
        after = self.b.write(g, "note.add", hlc=g.hlc + 5)
        stray = self.c.write(g, "note.add", deps=[other])
        v = Verified(bundle(self.a.runs(g) + self.b.runs(other, slow, after)
                            + self.c.runs(stray)))
        self.assertEqual({p.code for p in v.errors}, {"bad_hlc", "invalid_ancestor", "bad_dep"})
        bad = self.a.genesis(mode="chaos")
        v = Verified(bundle(self.a.runs(bad, self.a.write(bad, "note.add"))))
        self.assertEqual((v.topics, {p.code for p in v.errors}),
                         ([], {"bad_genesis", "invalid_ancestor"}))
        thief = Device("thief", self.cat)
        thief.cert = self.b.cert
        v = Verified(bundle(self.a.runs(g) + thief.runs(thief.write(g, "note.add"))))
        self.assertEqual({p.code for p in v.errors}, {"bad_certificate"})

    def test_verdicts(self):
        g = self.topic(roles={"member": ["note.*", "order.place"], "reader": []})
        w = [self.b.write(g, *x) for x in (
            ("note.add",), ("order.place",), ("order.drop",), ("topic.nothing",),
            ("topic.genesis",), ("topic.ack",), ("topic.tombstone", {"target": b"x"}),
            ("Note.add",), ("note",))]
        w.append(self.b.write(g, None, raw=b"garbage"))
        w.append(self.b.write(g, "note.add", b"\xa1"))
        stranger = Device("s", Entity("stranger"))
        s0 = stranger.write(g, "note.add")
        a1 = self.a.write(g, "topic.member", {"entity": self.bob.id, "role": "Bad role"})
        a2 = self.a.write(g, "topic.member", {"entity": self.cat.id, "role": "reader"})
        c0 = self.c.write(g, "note.add", deps=[a2])
        c1 = self.c.write(g, "topic.tombstone", {"target": bytes(32)})
        _, order = self.check(self.a.runs(g, a1, a2) + self.b.runs(*w) + stranger.runs(s0)
                              + self.c.runs(c0, c1), {}, None)
        got = {e.id: c for e, _, c in order.list}
        self.assertEqual([got[e.id] for e in w], [
            "accepted", "accepted", "not_permitted", "unknown_kind", "bad_event",
            "not_sequencer", "bad_event", "bad_payload", "bad_payload", "bad_payload",
            "bad_payload"])
        self.assertEqual([got[e.id] for e in (s0, a1, a2, c0, c1)], [
            "not_member", "bad_event", "accepted", "not_permitted", "accepted"])

    def test_evidence(self):
        elsewhere = self.b.genesis(nonce=b"\3" * 16)
        fact = [self.b.write(elsewhere, "note.add") for _ in range(5)]
        g = self.topic()
        # fact[3] has seq 4; its skiplink leads to seq 0.
        good = self.b.proof([fact[4], fact[3]])
        root = self.b.proof([fact[2], elsewhere], whole=False)
        bad = self.b.proof([fact[3], fact[1]])
        false = good[:-1] + bytes((good[-1] ^ 1,))
        n0 = self.a.write(g, "note.add", evidence=[good, root])
        n1 = self.a.write(g, "note.add", evidence=[bad])
        n2 = self.a.write(g, "note.add", evidence=[good, false])
        self.check(self.a.runs(g, n0, n1, n2), dict(g=g, n0=n0, n1=n1, n2=n2),
                   [("g", "sequenced", "accepted"), ("n0", "sequenced", "accepted"),
                    ("n1", "sequenced", "bad_evidence"), ("n2", "sequenced", "bad_evidence")],
                   errors=["bad_evidence"])

    def test_statement_records(self):
        bob = Entity("records")
        s = [bob.certify(Key("k0")), bob.rotate("records 2"), bob.certify(Key("k1"))]
        v = Verified(bundle([(3, x) for x in reversed(s)]))
        self.assertFalse(v.errors)
        self.assertEqual(len(v.statements), 3)
        v = Verified(bundle([(3, s[2])]))
        self.assertEqual([p.code for p in v.errors], ["missing_ancestor"])
        # Number 1 twice: both are kept, and `prev` says what follows on which.
        two = Entity("two")
        first = two.revoke(bytes(32))
        after_first = two.prev
        rotated = two.rotate("two 2")
        by_new = two.revoke(b"\1" * 32)
        two.root, two.number, two.prev = Key("root two"), 1, after_first
        other = two.revoke(b"\2" * 32)
        by_old = two.revoke(b"\3" * 32)
        v = Verified(bundle([(3, x) for x in (by_new, by_old, other, rotated, first)]))
        self.assertEqual((len(v.statements), v.errors), (5, []))
        v = Verified(bundle([(3, x) for x in (first, by_old, rotated)]))
        self.assertEqual([p.code for p in v.errors], ["missing_ancestor"])
        two.number = 7
        v = Verified(bundle([(3, x) for x in (first, other, by_old, two.revoke(bytes(32)))]))
        self.assertEqual([p.code for p in v.errors], ["bad_statement"])


class Files(unittest.TestCase):
    def run_main(self, data, *args):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "x.synlog")
            with open(path, "wb") as f:
                f.write(data)
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                status = verify.main([path, *args])
        return status, out.getvalue()

    def sample(self):
        ann, bob = Entity("ann"), Entity("bob")
        a, b = Device("a", ann), Device("b", bob)
        g = a.genesis(open="guest")
        b0 = b.write(g, "note.add", {}, erasable={"x": 1})
        a1 = a.write(g, "topic.ack", deps=[b0])
        return a, b, g, b0, a1, bundle([a.run(g), b.run(b0, erase=(b0,)), a.run(a1), (4, b"code"),
                                        (5, cbor.encode({"note": 1}))])

    def test_json(self):
        a, b, g, b0, a1, data = self.sample()
        status, out = self.run_main(data, "--json", "--order")
        got = json.loads(out)
        self.assertEqual((status, got["ok"], got["errors"]), (0, True, []))
        topic, = got["topics"]
        self.assertEqual(topic["sequencer"], a.public.hex())
        self.assertEqual([x["id"] for x in topic["order"]], [g.id.hex(), b0.id.hex(), a1.id.hex()])
        feed, = [f for f in topic["feeds"] if f["device"] == b.public.hex()]
        self.assertEqual((feed["up_to"], feed["head"], feed["erased"]),
                         (0, b0.id.hex(), 1))

    def test_text(self):
        status, out = self.run_main(self.sample()[-1])
        self.assertEqual(status, 0)
        self.assertIn("complete up to seq 1", out)
        self.assertIn("cannot prove", out)
        with contextlib.redirect_stderr(io.StringIO()):
            self.assertEqual(verify.main(["/no/such/file"]), 2)
            with self.assertRaises(SystemExit) as caught:
                verify.main([])
            self.assertEqual(caught.exception.code, 2)

    def test_garbage(self):
        chance, data = random.Random(3), self.sample()[-1]
        for _ in range(60):
            damaged = bytearray(data)
            for _ in range(chance.randrange(1, 4)):
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            # With a right end hash the damage reaches the decoders.
            damaged = bytes(damaged[:-33])
            for raw in (damaged + b"\0" + H("bundle", damaged), damaged):
                if raw != data:
                    status, _ = self.run_main(raw)
                    self.assertIn(status, (0, 1))
        for raw in (b"", data[:8], data[:-1], data + b"\0", b"\0" * 100):
            self.assertEqual(self.run_main(raw)[0], 1)
            self.assertEqual([p.code for p in Verified(raw).errors], ["bad_bundle"])


if __name__ == "__main__":
    unittest.main()
