"""Pages 6.5 to 6.7: the list of a topic with status and verdict, and its digest."""

from bisect import bisect_right

from .chain import Chain, ancestor_pairs, key_sorted, tie
from .encoding import H, lbytes
from .identity import REVOKE
from .topic import revoked_device, rotation, verdict

SEQUENCED, TENTATIVE, VOID, HELD = range(4)
STATUS = ("sequenced", "tentative", "void", "held")


class Order:
    """`list` holds (entry, status, code) in order; `chain` says who decides."""

    def __init__(self, topic):
        ordered = key_sorted(topic.entries)
        self.chain = Chain(topic, ordered)
        if topic.policy.mode == "ordered":
            self.list = _ordered(topic, self.chain, ordered)
        else:
            self.list = _causal(topic, self.chain, ordered)
        self.digest = H("order", b"".join(
            e.id + bytes((status,)) + lbytes(code.encode()) for e, status, code in self.list))


def _at_or_above_fork(topic, e):
    f = topic.feeds[e.author].forked_at
    return f is not None and e.seq >= f


def _withdraw(lowest, leg):
    if leg.withdrawn_above is not None:
        lowest[leg.device] = min(leg.withdrawn_above,
                                 lowest.get(leg.device, leg.withdrawn_above))


class PlacedPolicy:
    """The policy of an ordered topic while its prefix is placed."""

    def __init__(self, genesis):
        self.members, self.open = dict(genesis.members), genesis.open
        self.roles = dict(genesis.roles)
        self.revocations, self.rotations = set(), {}
        self.places = {}
        self.private, self.epochs = genesis.visibility == "private", {}

    def follows(self, event):
        latest = max(self.epochs, default=0)
        return event.epoch == latest + 1 or (
            event.epoch == latest and self.epochs.get(latest) == event.key_hash)

    def revoked(self, e):
        return (e.certificate.entity, e.author) in self.revocations

    def stale(self, e):
        # An entry that is not placed comes after all that is.
        began = self.places.get(e.first)
        return any((began is None or place < began) and digest not in e.certificate.rotations
                   for place, digest in self.rotations.get(e.certificate.entity, ()))

    def role(self, e):
        return self.members.get(e.certificate.entity, self.open)

    def patterns(self, e, role):
        return self.roles.get(role)

    def apply(self, e, place):
        event = e.event
        if event is None:
            return
        if event.kind == "topic.member":
            self.members[event.entity] = event.role
        elif event.kind == "topic.remove":
            self.members.pop(event.entity, None)
        elif event.kind == "topic.role":
            self.roles[event.role] = event.patterns
        elif event.kind == "topic.key":
            self.epochs[event.epoch] = event.key_hash
        elif event.kind == "topic.identity":
            revoked, rotated = revoked_device(event), rotation(event)
            if revoked:
                self.revocations.add(revoked)
            if rotated:
                self.rotations.setdefault(rotated[0], []).append((place, rotated[1]))


def _ordered(topic, chain, ordered):
    policy, out = PlacedPolicy(topic.policy), []
    places, void, taken = policy.places, {}, set()
    starts = chain.starts_by_takeover()
    withdrawn, leg_now = {}, 0

    def append(e):
        if (e.author, e.seq) in taken:
            reason = "fork"
        elif e.seq > withdrawn.get(e.author, e.seq):
            reason = "withdrawn"
        else:
            reason = void.get(e.prev)
        taken.add((e.author, e.seq))
        if reason:
            void[e] = reason
            out.append((e, VOID, reason))
        else:
            code = verdict(e, e in chain.index, e in starts, policy)
            out.append((e, SEQUENCED, code))
            if code == "accepted":
                policy.apply(e, len(out))
        places[e] = len(out)

    for c, leg in zip(chain.entries, chain.leg_of):
        while leg_now < leg:
            _withdraw(withdrawn, chain.legs[leg_now])
            leg_now += 1
        if c in places:
            continue
        for e in key_sorted(_not_placed_below(c, places)):
            append(e)
        append(c)
    for leg in chain.legs[leg_now:]:
        _withdraw(withdrawn, leg)
    for e in ordered:
        if e in places:
            continue
        if _at_or_above_fork(topic, e):
            out.append((e, HELD, "fork"))
        elif e.seq > withdrawn.get(e.author, e.seq):
            out.append((e, HELD, "withdrawn"))
        else:
            out.append((e, TENTATIVE, verdict(e, False, False, policy)))
    return out


def _not_placed_below(e, places):
    """All ancestors of e that are not placed; what is placed has its own placed."""
    found, todo = set(), [e]
    while todo:
        for parent in todo.pop().parents:
            if parent not in places and parent not in found:
                found.add(parent)
                todo.append(parent)
    return found


class History:
    """A value for each key that changes along the chain."""

    def __init__(self, start):
        self.rows = {key: ([-1], [value]) for key, value in start.items()}

    def set(self, key, index, value):
        at, values = self.rows.setdefault(key, ([], []))
        at.append(index)
        values.append(value)

    def get(self, key, index, otherwise):
        """The value after the entry of the chain with that index."""
        at, values = self.rows.get(key, ((), ()))
        i = bisect_right(at, index)
        if not i or values[i - 1] is None:
            return otherwise
        return values[i - 1]


class CausalPolicy:
    """The policy for an entry follows from its ancestors. `seen` has, for each
    entry, the kernel's identity events among its ancestors, a bit each;
    `after` the index of the last entry of the chain among them."""

    private = False

    def __init__(self, genesis):
        self.open = genesis.open
        self.members, self.roles = History(genesis.members), History(genesis.roles)
        self.seen, self.after = {}, {}
        self.revocations, self.rotations, self.bits = {}, {}, 0

    def revoked(self, e):
        return self.seen[e] & self.revocations.get((e.certificate.entity, e.author), 0)

    def stale(self, e):
        return any(self.seen[e.first] & bit and digest not in e.certificate.rotations
                   for bit, digest in self.rotations.get(e.certificate.entity, ()))

    def role(self, e):
        return self.members.get(e.certificate.entity, self.after[e], self.open)

    def patterns(self, e, role):
        return self.roles.get(role, self.after[e], None)

    def apply(self, e, index):
        """Returns the bit of an identity event that others may look for."""
        event = e.event
        if event is None:
            return 0
        if event.kind == "topic.member":
            self.members.set(event.entity, index, event.role)
        elif event.kind == "topic.remove":
            self.members.set(event.entity, index, None)
        elif event.kind == "topic.role":
            self.roles.set(event.role, index, event.patterns)
        elif event.kind == "topic.identity":
            revoked, rotated = revoked_device(event), rotation(event)
            if revoked or rotated:
                bit, self.bits = 1 << self.bits, self.bits + 1
                if revoked:
                    self.revocations[revoked] = self.revocations.get(revoked, 0) | bit
                else:
                    self.rotations.setdefault(rotated[0], []).append((bit, rotated[1]))
                return bit
        return 0


def _causal(topic, chain, ordered):
    policy, out = CausalPolicy(topic.policy), []
    void = _void_reasons(topic, chain, ordered)
    starts = chain.starts_by_takeover()
    decided = _with_ancestors(chain.entries)
    # What holds for those who come after an entry, itself included.
    seen_after, after = {}, {}
    for e in ordered:
        seen, last = 0, -1
        for parent in e.parents:
            seen |= seen_after[parent]
            last = max(last, after[parent])
        policy.seen[e], policy.after[e] = seen, last
        index = chain.index.get(e)
        reason = void(e)
        if reason:
            out.append((e, VOID, reason))
        else:
            code = verdict(e, index is not None, e in starts, policy)
            out.append((e, SEQUENCED if e in decided else TENTATIVE, code))
            if code == "accepted":
                seen |= policy.apply(e, index)
        seen_after[e] = seen
        after[e] = last if index is None else index
    return out


def _with_ancestors(entries):
    found, todo = set(entries), list(entries)
    while todo:
        for parent in todo.pop().parents:
            if parent not in found:
                found.add(parent)
                todo.append(parent)
    return found


def _void_reasons(topic, chain, ordered):
    """A function that says why an entry of a causal topic is void, or None."""
    withdrawn, removed, revoked = {}, {}, {}
    for leg in chain.legs:
        _withdraw(withdrawn, leg)

    def reason(e):
        if _at_or_above_fork(topic, e):
            return "fork"
        if e.seq > withdrawn.get(e.author, e.seq):
            return "withdrawn"
        if (e.seq > removed.get(e.author, e.seq)
                or e.seq > revoked.get((e.certificate.entity, e.author), e.seq)):
            return "removed"
        return None

    carriers = [e for e in topic.entries if e.event is not None and e.event.cuts
                and e.evidence_ok]
    good = _good_cuts(topic, chain, ordered, carriers)
    for e in carriers:
        if e.event.kind == "topic.remove" and e in chain.index:
            for cut in good[e]:
                removed[cut.device] = min(cut.last_seq, removed.get(cut.device, cut.last_seq))
    carriers = [e for e in carriers if e.event.kind == "topic.identity"
                and e.event.statement.action == REVOKE]
    carriers.sort(key=lambda e: (e.event.statement.number, e.event.statement.hash,
                                 e.hlc, tie(e), e.id))
    for e in carriers:
        st = e.event.statement
        # A root speaks for its own devices alone, so the cut goes with the
        # entity: else anybody's root could cut anybody's feed.
        if reason(e) is None and (e.certificate.entity == st.entity or e in chain.index):
            for cut in good[e]:
                if cut.device == st.subject:
                    key = (st.entity, cut.device)
                    revoked[key] = min(cut.last_seq, revoked.get(key, cut.last_seq))
    return reason


def _good_cuts(topic, chain, ordered, carriers):
    """For each carrier its good cuts (6.6)."""
    in_chain = {leg.device for leg in chain.legs}
    heads = topic.by_id
    pairs = [(heads[cut.head], e) for e in carriers for cut in e.event.cuts if cut.head in heads]
    true = ancestor_pairs(ordered, pairs)
    good = {}
    for e in carriers:
        good[e] = []
        for cut in e.event.cuts:
            head = heads.get(cut.head)
            if cut.device not in in_chain and (cut.last_seq == -1 or (
                    head is not None and head.author == cut.device
                    and head.seq == cut.last_seq and (head, e) in true)):
                good[e].append(cut)
    return good
