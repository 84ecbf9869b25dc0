"""Page 4: which entries of a file are authentic and valid, and forks."""

from . import ed25519
from .encoding import Refused
from .entry import decode_part, skip_target
from .identity import check_certificate
from .proof import check_evidence
from .topic import Misfit, read_event, read_genesis

VALID, INVALID, WAITING = 1, 2, 3


class Entry:
    """An entry with its links resolved. Payload bytes are let go once read."""

    __slots__ = ("id", "author", "topic", "seq", "genesis", "hlc", "backlink", "skiplink",
                 "deps", "certificate_bytes", "part", "erased", "offset", "authentic", "state",
                 "prev", "parents", "first", "certificate", "skip", "tie",
                 "decoded", "evidence_ok", "kind", "event")

    def __init__(self, header, topic, payload, offset):
        self.id, self.author, self.topic, self.seq = header.id, header.author, topic, header.seq
        self.genesis, self.hlc = header.genesis, header.hlc
        self.backlink, self.skiplink, self.deps = header.backlink, header.skiplink, header.deps
        self.certificate_bytes = header.certificate
        self.part, self.erased, self.offset = payload.part, payload.erased, offset
        self.authentic, self.state = False, None
        self.prev = self.first = self.certificate = self.skip = self.tie = self.event = None
        self.parents = ()

    def ancestor_at(self, seq):
        """The entry of its feed at `seq`, back from here, in O(log n) steps."""
        e = self
        while e.seq > seq:
            e = e.skip if e.skip is not None and e.skip.seq >= seq else e.prev
        return e

    def has_back(self, other):
        """Whether `other` is this entry or lies back from it within the feed."""
        return self.seq >= other.seq and self.ancestor_at(other.seq) is other


class Feed:
    def __init__(self, author, topic):
        self.author, self.topic = author, topic
        self.entries, self.by_seq, self.forked_at = [], {}, None
        # Whether no two held entries have one seq.
        self.linear = True


class Topic:
    """All valid entries of one topic, and what is known about forks."""

    def __init__(self, genesis):
        self.genesis, self.id = genesis, genesis.id
        self.policy = None   # the Genesis
        self.entries, self.by_id, self.feeds = [], {}, {}


class Admission:
    """Takes runs and fork proofs in any order, then admits everything."""

    def __init__(self, report):
        # report(offset, code, author, topic, seq)
        self.report = report
        self.entries, self.fork_proofs, self.topics = {}, [], {}
        self.commitments = {}

    def add_run(self, run, offset):
        """Keeps the entries of a run; what the signature proves, it proves for
        all that lies back from the last entry (3.4)."""
        key_ok = ed25519.admitted(run.author)
        signed = key_ok and run.signed()
        if not key_ok:
            self.report(offset, "bad_key", run.author, run.topic, run.headers[0].seq)
        elif signed is False:
            self.report(offset, "bad_signature", run.author, run.topic, run.headers[-1].seq)
        last = None
        for header, payload in zip(run.headers, run.payloads):
            last = self.entries.get(header.id)
            if last is None:
                topic = header.id if header.genesis else header.topic
                last = self.entries[header.id] = Entry(header, topic, payload, offset)
            elif last.erased and not payload.erased:
                last.erased = False
        if signed:
            last.authentic = True

    def add_fork_proof(self, proof):
        self.fork_proofs.append(proof)

    def run(self):
        self._authenticate()
        self._admit()
        self._commit()
        proven = {}
        for proof in self.fork_proofs:
            proven.setdefault((proof.author, proof.topic), []).append(proof.seq)
        for topic in self.topics.values():
            self._forks(topic, proven)

    def _authenticate(self):
        entries = self.entries
        for e in [x for x in entries.values() if x.authentic]:
            below = entries.get(e.backlink)
            while (below is not None and not below.authentic and below.author == e.author
                   and below.topic == e.topic and below.seq == e.seq - 1):
                below.authentic = True
                e, below = below, entries.get(below.backlink)
        for e in [x for x in entries.values() if not x.authentic]:
            self.report(e.offset, "bad_signature" if ed25519.admitted(e.author) else "bad_key",
                        e.author, e.topic, e.seq)
            del entries[e.id]

    def _admit(self):
        """Each entry once all of its ancestors in the file have been judged."""
        entries, children, waiting_for, ready = self.entries, {}, {}, []
        for e in entries.values():
            ids = e.deps if e.backlink is None else [e.backlink] + e.deps
            present = [entries[x] for x in ids if x in entries]
            e.parents = present
            if len(present) < len(ids):
                e.state = WAITING
            for parent in present:
                children.setdefault(parent.id, []).append(e)
            waiting_for[e.id] = len(present)
            if not present:
                ready.append(e)
        while ready:
            e = ready.pop()
            code = self._judge(e)
            if code is not None:
                self.report(e.offset, code, e.author, e.topic, e.seq)
            if e.state == VALID:
                self._keep(e)
            for child in children.get(e.id, ()):
                waiting_for[child.id] -= 1
                if not waiting_for[child.id]:
                    ready.append(child)

    def _judge(self, e):
        """Sets the state of e; returns the code of an entry that is not valid.
        First what its own header decides, then its ancestors' state."""
        incomplete = e.state == WAITING
        e.state = INVALID
        if e.seq == 0:
            try:
                e.certificate = check_certificate(e.certificate_bytes, e.author)
            except Refused as fault:
                return fault.code
            e.certificate_bytes = None
            if not e.genesis and e.topic not in e.deps:
                return "no_genesis"
        if any(x.state == INVALID for x in e.parents):
            return "invalid_ancestor"
        if incomplete or any(x.state == WAITING for x in e.parents):
            e.state = WAITING
            return "missing_ancestor"
        code = self._judge_links(e)
        if code is None:
            e.state = VALID
        return code

    def _judge_links(self, e):
        deps = e.parents
        if e.seq > 0:
            prev, deps = e.parents[0], e.parents[1:]
            if prev.author != e.author or prev.topic != e.topic or prev.seq != e.seq - 1:
                return "bad_backlink"
            target = skip_target(e.seq)
            if target is not None:
                skip = prev.ancestor_at(target)
                if skip.id != e.skiplink:
                    return "bad_skiplink"
                e.skip = skip
            e.prev, e.first, e.certificate = prev, prev.first, prev.certificate
        else:
            e.first = e
            if not e.genesis:
                genesis = self.entries[e.topic]
                if not genesis.genesis:
                    return "no_genesis"
                if genesis.author == e.author:
                    return "second_first"
        if any(x.topic != e.topic for x in deps):
            return "bad_dep"
        if any(x.hlc >= e.hlc for x in e.parents):
            return "bad_hlc"
        if e.genesis:
            return self._begin_topic(e)
        return None

    def _begin_topic(self, e):
        topic = Topic(e)
        try:
            kind, body = decode_part(e.part)
            if kind != "topic.genesis":
                return "bad_genesis"
            topic.policy = read_genesis(body, e.certificate.entity)
        except (Refused, Misfit):
            return "bad_genesis"
        self.topics[e.id] = topic
        return None

    def _keep(self, e):
        topic = self.topics[e.topic]
        topic.entries.append(e)
        feed = topic.feeds.get(e.author)
        if feed is None:
            feed = topic.feeds[e.author] = Feed(e.author, topic)
        feed.entries.append(e)
        there = feed.by_seq.setdefault(e.seq, [])
        there.append(e)
        feed.linear = feed.linear and len(there) == 1
        topic.by_id[e.id] = e
        self._read_payload(e)

    def _read_payload(self, e):
        part, e.part = e.part, None
        e.decoded = e.evidence_ok = False
        e.kind = None
        try:
            e.kind, body = decode_part(part)
            e.decoded = True
            check_evidence(part)
            e.evidence_ok = True
        except Refused as fault:
            if fault.code == "bad_evidence":
                self.report(e.offset, fault.code, e.author, e.topic, e.seq)
            if not e.decoded:
                return
        if e.kind.startswith("topic.") and not e.genesis:
            try:
                e.event = read_event(e.kind, body, e.author, bool(part.evidence))
            except Misfit as fault:
                if fault.code:
                    self.report(e.offset, fault.code, e.author, e.topic, e.seq)

    def _commit(self):
        """The ids that authentic headers name for each seq of a feed. A header
        that is invalid commits its author as well (4.4)."""
        for e in self.entries.values():
            if e.state == WAITING:
                continue
            feed = self.commitments.setdefault((e.author, e.topic), {})
            feed.setdefault(e.seq, set()).add(e.id)
            # The links of a valid entry say what its ancestors say.
            if e.state == INVALID and e.seq:
                feed.setdefault(e.seq - 1, set()).add(e.backlink)
                if e.skiplink is not None:
                    feed.setdefault(skip_target(e.seq), set()).add(e.skiplink)

    def _forks(self, topic, proven):
        for author, feed in topic.feeds.items():
            key = author, topic.id
            seqs = [seq for seq, ids in self.commitments[key].items() if len(ids) > 1]
            seqs += proven.get(key, ())
            # The topic's id fixes where the feed of the genesis begins.
            if author == topic.genesis.author:
                seqs = [x for x in seqs if x > 0]
            feed.forked_at = min(seqs) if seqs else None
