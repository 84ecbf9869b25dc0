"""Random topics, ordered a second time by a slow and literal reading of page 6.

The verifier's own order takes short cuts (searches that end early, one bit for
each ancestor looked for); this one takes none. SYNLOG_TOPICS sets how many.
"""

import os
import random
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from testkit import Device, Entity, bundle  # noqa: E402
from verifier.bundle import Verified  # noqa: E402
from verifier.encoding import H  # noqa: E402
from verifier.identity import REVOKE, ROTATE  # noqa: E402
from verifier.report import order_rows  # noqa: E402
from verifier.topic import verdict  # noqa: E402


def order_key(e):
    tie = H("tie", e.topic + e.author + e.seq.to_bytes(8, "little"))[:16]
    return e.hlc, tie, e.id


class Slow:
    def __init__(self, topic):
        self.topic, self.policy = topic, topic.policy
        self.all = sorted(topic.entries, key=order_key)
        self.ancestors = {}
        for e in self.all:
            self.ancestors[e] = set(e.parents).union(*(self.ancestors[x] for x in e.parents))
        self.causal = self.policy.mode == "causal"
        self.private, self.epochs = self.policy.visibility == "private", {}
        self.f = {a: feed.forked_at for a, feed in topic.feeds.items()}
        self.held = [e for e in self.all if not (self.causal and self.above_fork(e))]
        self.chain, self.legs = [], []   # (entry, leg number); [device, start, withdrawn]
        self.stop = self.walk_all()
        self.list = self.causal_list() if self.causal else self.ordered_list()

    def above_fork(self, e):
        return self.f[e.author] is not None and e.seq >= self.f[e.author]

    def back(self, e):
        while e is not None:
            yield e
            e = e.prev

    def event(self, e, kind):
        return e.event if e.event is not None and e.event.kind == kind and e.evidence_ok else None

    def lowest(self, candidates):
        return [e for e in candidates
                if not any(x in candidates for x in self.back(e.prev))]

    def walk_all(self):
        leg = [self.topic.genesis.author, self.topic.genesis, None]
        while True:
            self.legs.append(leg)
            device, candidates = self.walk(leg)
            if not isinstance(candidates, list):
                return device, candidates
            low = self.lowest(candidates)
            if len(low) != 1:
                return device, min((e.seq for e in low), default=None)
            leg = [device, low[0], None]

    def claims(self, leg):
        device, start, _ = leg
        out = []
        for t in self.held:
            ev = self.event(t, "topic.takeover")
            if ev is None:
                continue
            st = ev.statement
            if st.topic != self.topic.id or st.old != device or st.next != t.author:
                continue
            for head in self.held:
                if (head.id == st.head and head.author == device and head.seq == st.last_seq
                        and head in self.ancestors[t] and start in self.back(head)
                        and st.entity == t.certificate.entity == head.certificate.entity):
                    out.append((t, st, head))
        return out

    def walk(self, leg):
        """(device, candidates of the next leg), or (device, forked at or None)."""
        device, start, _ = leg
        claims = self.claims(leg)
        last = [x for x in claims if x[1].number == max(y[1].number for y in claims)]
        conflict = len({x[1].hash for x in last}) > 1
        word = min(last, key=lambda x: (x[1].last_seq, x[1].hash)) if last else None
        c = start
        while True:
            self.chain.append((c, len(self.legs) - 1))
            h = self.event(c, "topic.handover")
            if h is not None:
                return h.next, [
                    e for e in self.held if e.author == h.next and c in self.ancestors[e]
                    and (h.head is None or any(x.id == h.head for x in self.back(e)))]
            if word and word[2] is c:
                if conflict:
                    return device, word[1].last_seq + 1
                leg[2] = word[1].last_seq
                return word[1].next, [t for t, st, _ in claims if st.hash == word[1].hash]
            following = [e for e in self.held if e.prev is c]
            f = self.f[device]
            if word:
                following = [e for e in following if e in self.back(word[2])]
            elif f is not None and start.seq < f <= c.seq + 1:
                return device, f
            if len(following) > 1:
                return device, c.seq + 1
            if not following:
                return device, None
            c = following[0]

    def withdrawn(self, e, legs):
        cuts = [leg[2] for leg in legs if leg[0] == e.author and leg[2] is not None]
        return bool(cuts) and e.seq > min(cuts)

    def verdict(self, e):
        begins = any(leg[1] is e and before[2] is not None
                     for before, leg in zip(self.legs, self.legs[1:]))
        return verdict(e, any(c is e for c, _ in self.chain), begins, self)

    # The policy of an ordered topic is what was accepted so far; of a causal
    # one what was accepted among the ancestors. Both are folds of `seen`.
    def revoked(self, e):
        return any(ev.statement.action == REVOKE and ev.statement.entity == e.certificate.entity
                   and ev.statement.subject == e.author for _, ev in self.identity(e))

    def stale(self, e):
        return any(ev.statement.action == ROTATE and ev.statement.entity == e.certificate.entity
                   and ev.statement.hash not in e.certificate.rotations
                   for _, ev in self.identity(e.first))

    def identity(self, e):
        for x in self.seen(e):
            ev = self.event(x, "topic.identity")
            if ev is not None:
                yield x, ev

    def seen(self, e):
        if self.causal:
            return [x for x in self.accepted if x in self.ancestors[e]]
        if e in self.placed:
            return self.accepted[:self.placed[e]]
        return self.accepted

    def role(self, e):
        members = dict(self.policy.members)
        for x in self.decisions(e):
            if x.event.kind == "topic.member":
                members[x.event.entity] = x.event.role
            elif x.event.kind == "topic.remove":
                members.pop(x.event.entity, None)
        return members.get(e.certificate.entity, self.policy.open)

    def patterns(self, e, role):
        roles = dict(self.policy.roles)
        for x in self.decisions(e):
            if x.event.kind == "topic.role":
                roles[x.event.role] = x.event.patterns
        return roles.get(role)

    def decisions(self, e):
        """Accepted events of the chain before e."""
        chain = [c for c, _ in self.chain]
        return [x for x in self.seen(e) if x in chain and x.event is not None]

    def ordered_list(self):
        out, void, self.accepted, self.placed = [], {}, [], {}

        def place(e, legs):
            if any(x.author == e.author and x.seq == e.seq for x in self.placed):
                void[e] = "fork"
            elif self.withdrawn(e, legs):
                void[e] = "withdrawn"
            elif e.prev in void:
                void[e] = void[e.prev]
            if e in void:
                out.append((e.id, "void", void[e]))
            else:
                out.append((e.id, "sequenced", self.verdict(e)))
            self.placed[e] = len(self.accepted)
            if out[-1][2] == "accepted":
                self.accepted.append(e)

        for c, leg in self.chain:
            for e in self.all:
                if e in self.ancestors[c] and e not in self.placed:
                    place(e, self.legs[:leg])
            if c not in self.placed:
                place(c, self.legs[:leg])
        for e in self.all:
            if e in self.placed:
                continue
            if self.above_fork(e):
                out.append((e.id, "held", "fork"))
            elif self.withdrawn(e, self.legs):
                out.append((e.id, "held", "withdrawn"))
            else:
                out.append((e.id, "tentative", self.verdict(e)))
        return out

    def good(self, carrier):
        for cut in carrier.event.cuts:
            if any(leg[0] == cut.device for leg in self.legs):
                continue
            if cut.last_seq == -1 or any(
                    x.id == cut.head and x.author == cut.device and x.seq == cut.last_seq
                    for x in self.ancestors[carrier]):
                yield cut

    def causal_list(self):
        chain, counted = [c for c, _ in self.chain], []

        def reason(e):
            if self.above_fork(e):
                return "fork"
            if self.withdrawn(e, self.legs):
                return "withdrawn"
            for device, last_seq, entity in counted:
                if (device == e.author and e.seq > last_seq
                        and entity in (None, e.certificate.entity)):
                    return "removed"
            return None

        for e in chain:
            if self.event(e, "topic.remove"):
                counted += [(cut.device, cut.last_seq, None) for cut in self.good(e)]
        carriers = [e for e in self.all if self.event(e, "topic.identity")
                    and e.event.statement.action == REVOKE]
        for e in sorted(carriers, key=lambda e: (e.event.statement.number,
                                                 e.event.statement.hash, order_key(e))):
            st = e.event.statement
            if reason(e) is None and (st.entity == e.certificate.entity or e in chain):
                counted += [(cut.device, cut.last_seq, st.entity) for cut in self.good(e)
                            if cut.device == st.subject]
        out, self.accepted = [], []
        for e in self.all:
            why = reason(e)
            if why:
                out.append((e.id, "void", why))
                continue
            code = self.verdict(e)
            if code == "accepted":
                self.accepted.append(e)
            sequenced = e in chain or any(e in self.ancestors[c] for c in chain)
            out.append((e.id, "sequenced" if sequenced else "tentative", code))
        return out


class RandomTopic:
    """Writes at random, forks, hand-overs, takeovers and cuts included."""

    def __init__(self, seed):
        self.chance = chance = random.Random(seed)
        self.entities = [Entity("%d entity %d" % (seed, i)) for i in range(3)]
        self.devices = [Device("%d device %d" % (seed, i), self.entities[i % 3])
                        for i in range(6)]
        members = [{"entity": e.id, "role": chance.choice(("member", "reader"))}
                   for e in self.entities[1:chance.randrange(1, 4)]]
        fields = {"open": "guest"} if chance.random() < 0.5 else {}
        self.genesis = self.devices[0].genesis(
            members=members, mode=chance.choice(("ordered", "causal")),
            roles={"reader": ["note.r*"]}, **fields)
        self.made, self.sequencers = [self.genesis], [self.devices[0]]
        self.records = [self.devices[0].run(self.genesis)]
        for _ in range(chance.randrange(10, 45)):
            self.step()
        chance.shuffle(self.records)

    def of(self, device):
        return [e for e in self.made if e.author == device.public]

    def step(self):
        chance = self.chance
        device = chance.choice(self.devices + self.sequencers * 2)
        own, deps = self.of(device), []
        for e in chance.sample(self.made, min(len(self.made), chance.randrange(0, 3))):
            deps.append(e)
        if chance.random() < 0.4:
            deps.append(self.made[-1])
        on = None
        if own:
            on = own[-1] if chance.random() < 0.95 else chance.choice(own)
        kind, body = self.event(device, own, deps)
        above = [x.hlc for x in deps] + [on.hlc if on else self.genesis.hlc]
        e = device.write(self.genesis, kind, body, deps=deps, on=on,
                         hlc=max(above) + chance.choice((1, 1, 2, 5)))
        self.made.append(e)
        self.records.append(device.run(e))

    def event(self, device, own, deps):
        chance = self.chance
        entity, other = device.entity, chance.choice(self.devices)
        pick = chance.random()
        if pick < 0.45:
            return chance.choice(("note.add", "note.read", "topic.ack")), {}
        if pick < 0.6 and other is not device:
            head = self.of(other)
            head = chance.choice(head) if head and chance.random() < 0.5 else None
            if head is not None:
                deps.append(head)
            self.sequencers.append(other)
            return "topic.handover", {"next": other.public, "head": head and head.id}
        if pick < 0.7:
            heads = self.of(chance.choice([d for d in self.devices if d.entity is entity]))
            if heads:
                head = chance.choice(heads)
                deps.append(head)
                number = None
                if entity.number > 2 and chance.random() < 0.4:
                    number = entity.number - 1
                self.sequencers.append(device)
                return "topic.takeover", {"statement": entity.takeover(
                    self.genesis.id, head, device.public, number)}
        if pick < 0.8:
            return "topic.identity", {"statement": chance.choice(self.entities).revoke(
                other.public), "cuts": self.cuts(other, deps)}
        if pick < 0.88:
            return "topic.remove", {"entity": other.entity.id, "cuts": self.cuts(other, deps)}
        if pick < 0.94:
            return "topic.member", {"entity": other.entity.id, "role": "reader"}
        return "topic.role", {"role": "guest", "kinds": chance.choice(([], ["note.a*"]))}

    def cuts(self, device, deps):
        heads = self.of(device)
        if not heads or self.chance.random() < 0.3:
            return [{"device": device.public, "last_seq": -1, "head": None}]
        head = self.chance.choice(heads)
        if self.chance.random() < 0.8:
            deps.append(head)
        return [{"device": device.public, "last_seq": head.seq, "head": head.id}]


class Random(unittest.TestCase):
    def test_random_topics(self):
        for seed in range(int(os.environ.get("SYNLOG_TOPICS", "40"))):
            with self.subTest(seed=seed):
                made = RandomTopic(seed)
                v = Verified(bundle(made.records))
                self.assertEqual([p.code for p in v.errors], [])
                topic, order = v.topics[0]
                self.assertEqual(len(topic.entries), len(made.made))
                slow = Slow(topic)
                self.assertEqual([c.id for c in order.chain.entries],
                                 [c.id for c, _ in slow.chain])
                self.assertEqual([(x["id"], x["status"], x["code"]) for x in order_rows(order)],
                                 [(i.hex(), s, c) for i, s, c in slow.list])
                self.assertEqual((order.chain.sequencer, order.chain.forked_at), slow.stop)
                self.assertEqual(order.chain.state,
                                 "open" if slow.stop[1] is None else "forked")


if __name__ == "__main__":
    unittest.main()
