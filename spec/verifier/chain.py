"""Pages 6.1 to 6.4: the order key, and the chain of the sequencers."""

import heapq

from .encoding import H

TARGETS_AT_ONCE = 1024


def tie(e):
    if e.tie is None:
        e.tie = H("tie", e.topic + e.author + e.seq.to_bytes(8, "little"))[:16]
    return e.tie


def key_sorted(entries):
    """In key order. Ties are hashed only where two have the same hlc."""
    out = sorted(entries, key=lambda e: e.hlc)
    start = 0
    while start < len(out):
        end = start + 1
        while end < len(out) and out[end].hlc == out[start].hlc:
            end += 1
        if end - start > 1:
            out[start:end] = sorted(out[start:end], key=lambda e: (tie(e), e.id))
        start = end
    return out


def ancestor_pairs(ordered, pairs):
    """Those (ancestor, descendant) of `pairs` that are truly so. `ordered` has
    all entries, ancestors first; one pass serves many targets, a bit each."""
    true, wanted = set(), {}
    for a, d in pairs:
        wanted.setdefault(a, set()).add(d)
    targets = list(wanted)
    for start in range(0, len(targets), TARGETS_AT_ONCE):
        some = targets[start:start + TARGETS_AT_ONCE]
        bits = {a: 1 << i for i, a in enumerate(some)}
        masks = {}
        for e in ordered:
            mask = 0
            for parent in e.parents:
                mask |= masks[parent]
            masks[e] = mask | bits.get(e, 0)
        for a in some:
            true.update((a, d) for d in wanted[a] if d is not a and masks[d] & bits[a])
    return true


def lowest_on_branches(entries):
    """Of entries of one feed, those with no other of them back from them."""
    out = []
    for e in sorted(entries, key=lambda e: e.seq):
        if not any(e.has_back(x) for x in out):
            out.append(e)
    return out


class Leg:
    """`withdrawn_above` is the takeover's last_seq, if one ended the leg;
    `by_takeover` says whether the leg began with one."""

    __slots__ = ("device", "start", "by_takeover", "withdrawn_above")

    def __init__(self, device, start, by_takeover=False):
        self.device, self.start, self.by_takeover = device, start, by_takeover
        self.withdrawn_above = None


class Chain:
    """Walks the chain of a topic. What comes out: `entries` with `index` and
    `leg_of`, `legs`, and how it stopped: state, sequencer, forked_at."""

    def __init__(self, topic, ordered):
        self.topic, self.ordered = topic, ordered
        self.causal = topic.policy.mode == "causal"
        self.entries, self.index, self.leg_of, self.legs = [], {}, [], []
        self.state, self.sequencer, self.forked_at = "open", None, None
        self._children = None
        self._claims = self._all_claims()
        step = (topic.genesis.author, topic.genesis)
        while step is not None:
            step = self._walk(Leg(*step))

    def _held(self, e):
        """In a causal topic what is at or above the fork is left out (6.2)."""
        if not self.causal:
            return True
        f = self.topic.feeds[e.author].forked_at
        return f is None or e.seq < f

    def _stop(self, state, device, forked_at=None):
        self.state, self.sequencer, self.forked_at = state, device, forked_at

    def starts_by_takeover(self):
        """The entries that a topic.takeover is accepted as."""
        return {leg.start for leg in self.legs if leg.by_takeover}

    def _walk(self, leg):
        """One leg; returns what the next one is made of, or None."""
        self.legs.append(leg)
        feed = self.topic.feeds[leg.device]
        takeover, conflict = self._takeover(leg)
        head, path = None, {}
        if takeover:
            head = e = takeover[0].head
            while e is not leg.start:
                path[e.prev] = e
                e = e.prev
        c = leg.start
        while True:
            self.index[c] = len(self.entries)
            self.entries.append(c)
            self.leg_of.append(len(self.legs) - 1)
            event = c.event
            if event is not None and event.kind == "topic.handover" and c.evidence_ok:
                return self._next(event.next, self._after_handover(c, event), False)
            if takeover:
                if c is head:
                    return self._end_by_takeover(leg, takeover, conflict)
                c = path[c]
                continue
            f = feed.forked_at
            if f is not None and leg.start.seq < f <= c.seq + 1:
                return self._stop("forked", leg.device, f)
            following = [x for x in feed.by_seq.get(c.seq + 1, ())
                         if x.prev is c and self._held(x)]
            if len(following) > 1:
                return self._stop("forked", leg.device, c.seq + 1)
            if not following:
                return self._stop("open", leg.device)
            c = following[0]

    def _next(self, device, candidates, by_takeover):
        if not candidates:
            return self._stop("open", device)
        if len(candidates) > 1:
            return self._stop("forked", device, min(x.seq for x in candidates))
        return device, candidates[0], by_takeover

    def _after_handover(self, h, event):
        """Where the next sequencer's leg may begin (6.3)."""
        feed = self.topic.feeds.get(event.next)
        if feed is None:
            return []
        head = None
        if event.head is not None:
            head = self.topic.by_id.get(event.head)
            if head is None or head.author != event.next or not self._held(head):
                return []
        # What a causal topic holds of a feed ends below the fork.
        linear = feed.linear or self.causal
        found = self._descendants(h, event.next, only_first=linear)
        if linear:
            # Without branches everything above the first one descends from h.
            first = found[0] if found else None
            if first is not None and head is not None and head.seq > first.seq:
                first = head
            return [] if first is None else [first]
        found = {x for x in found if head is None or x.has_back(head)}
        return [x for x in found if x.prev not in found]

    def _descendants(self, h, author, only_first):
        """Held descendants of h by `author`, in the order of hlc. The search
        ends at the first where that one says all, so that a long chain of
        hand-overs costs no more than the entries between them."""
        if self._children is None:
            self._children = {}
            for e in self.ordered:
                for parent in e.parents:
                    self._children.setdefault(parent, []).append(e)
        found, seen = [], {h}
        heap = [(h.hlc, h.id, h)]
        while heap:
            _, _, e = heapq.heappop(heap)
            if e.author == author and e is not h and self._held(e):
                found.append(e)
                if only_first:
                    break
            for child in self._children.get(e, ()):
                if child not in seen:
                    seen.add(child)
                    heapq.heappush(heap, (child.hlc, child.id, child))
        return found

    def _all_claims(self):
        """What page 6.4 asks of a claim apart from the leg's start, by the
        device that is taken over."""
        topic, claims = self.topic, []
        takeovers = [e for e in topic.entries if e.event is not None and e.evidence_ok
                     and e.event.kind == "topic.takeover" and self._held(e)]
        for t in takeovers:
            st = t.event.statement
            head = topic.by_id.get(st.head)
            if (head is not None and st.topic == topic.id and st.next == t.author
                    and head.author == st.old and head.seq == st.last_seq and self._held(head)
                    and st.entity == t.certificate.entity == head.certificate.entity):
                claims.append(Claim(t, st, head))
        true = ancestor_pairs(self.ordered, [(c.head, c.entry) for c in claims])
        out = {}
        for c in claims:
            if (c.head, c.entry) in true:
                out.setdefault(c.statement.old, []).append(c)
        return out

    def _takeover(self, leg):
        """(claims of the leg's takeover, whether the last word conflicts)."""
        claims = [c for c in self._claims.get(leg.device, ()) if c.head.has_back(leg.start)]
        if not claims:
            return [], False
        number = max(c.statement.number for c in claims)
        claims = [c for c in claims if c.statement.number == number]
        _, chosen = min((c.statement.last_seq, c.statement.hash) for c in claims)
        same = [c for c in claims if c.statement.hash == chosen]
        return same, len(same) < len(claims)

    def _end_by_takeover(self, leg, takeover, conflict):
        last_seq = takeover[0].statement.last_seq
        if conflict:
            return self._stop("forked", leg.device, last_seq + 1)
        leg.withdrawn_above = last_seq
        return self._next(takeover[0].statement.next,
                          lowest_on_branches([c.entry for c in takeover]), True)


class Claim:
    __slots__ = ("entry", "statement", "head")

    def __init__(self, entry, statement, head):
        self.entry, self.statement, self.head = entry, statement, head
