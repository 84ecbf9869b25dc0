"""Page 5: the genesis, the kernel's events, and which of them fit."""

import re

from .encoding import Refused
from .identity import REVOKE, ROTATE, TAKEOVER, check_carried

ROLE = re.compile(r"[a-z][a-z0-9_-]{0,31}\Z")
# Kinds that only an entry of the chain may carry (5.2).
SEQUENCER_KINDS = frozenset("topic." + x for x in
                            "member remove role handover ack key reducer setup keeper "
                            "access".split())
# Kinds that stand unsealed in a private topic (5.6).
CLEAR_KINDS = frozenset("topic." + x for x in
                        "genesis ack handover takeover key access identity tombstone".split())
# Kinds that only private topics know (5.2).
PRIVATE_KINDS = frozenset(("topic.setup", "topic.keeper", "topic.access"))


class Misfit(Exception):
    """An event whose body does not fit. `code` is set where the fault is in a
    signature that the body carries, which a bundle reports (8.1)."""

    def __init__(self, code=None):
        super().__init__(code)
        self.code = code


def need(condition):
    if not condition:
        raise Misfit()


def _bytes(body, key, size):
    value = body.get(key)
    need(isinstance(value, bytes) and len(value) == size)
    return value


def _text(value, most, least=0):
    need(isinstance(value, str) and least <= len(value.encode()) <= most)
    return value


def _int(value, least=None, most=None):
    # In Python a bool is an int; in CBOR it is not.
    need(isinstance(value, int) and not isinstance(value, bool))
    need((least is None or value >= least) and (most is None or value <= most))
    return value


def _array(value, most=None):
    need(isinstance(value, list) and (most is None or len(value) <= most))
    return value


def _role(value):
    need(isinstance(value, str) and ROLE.match(value))
    return value


def _patterns(value, most=None):
    return tuple(_text(x, 64, 1) for x in _array(value, most))


def matches(pattern, kind):
    if pattern.endswith("*"):
        return kind.startswith(pattern[:-1])
    return kind == pattern


class Genesis:
    __slots__ = ("app", "major", "mode", "visibility", "name", "members", "open", "roles")


def read_genesis(body, owner):
    """The genesis of page 5.1; `owner` is the entity of its author."""
    g = Genesis()
    g.mode, g.visibility = body.get("mode"), body.get("visibility")
    _bytes(body, "nonce", 16)
    if g.visibility == "private":
        g.mode, g.app, g.major, g.name = "ordered", "", 0, None
        g.members, g.open, g.roles = {owner: "owner"}, None, {}
        return g
    need(g.mode in ("ordered", "causal") and g.visibility == "public")
    return _setup_of(g, body, owner)


def _setup_of(g, body, owner):
    g.app = _text(body.get("app"), 64, 1)
    g.major = _int(body.get("major"), 0, 65535)
    g.name = _text(body["name"], 128) if "name" in body else None
    g.members = {owner: "owner"}
    for member in _array(body.get("members", []), 64):
        need(isinstance(member, dict))
        g.members[_bytes(member, "entity", 32)] = _role(member.get("role"))
    g.open = _role(body["open"]) if "open" in body else None
    roles = body.get("roles", {})
    need(isinstance(roles, dict))
    g.roles = {_role(role): _patterns(kinds) for role, kinds in roles.items()}
    return g


class Cut:
    __slots__ = ("device", "last_seq", "head")


def _cuts(body):
    out = []
    for item in _array(body.get("cuts", []), 64):
        need(isinstance(item, dict))
        cut = Cut()
        cut.device = _bytes(item, "device", 32)
        cut.last_seq = _int(item.get("last_seq"), -1)
        need("head" in item)
        cut.head = None if item["head"] is None else _bytes(item, "head", 32)
        need((cut.head is None) == (cut.last_seq == -1))
        out.append(cut)
    return out


def _statement(body):
    raw = body.get("statement")
    need(isinstance(raw, bytes))
    rotations = _array(body.get("rotations", []), 8)
    need(all(isinstance(x, bytes) for x in rotations))
    try:
        return check_carried(raw, rotations)
    except Refused as fault:
        raise Misfit(None if fault.code == "bad_statement" else fault.code) from None


class Event:
    """A kernel event that fits: the fields that order and policy ask for."""

    __slots__ = ("kind", "entity", "role", "patterns", "cuts", "next", "head", "statement",
                 "target", "epoch", "key_hash")


def _member(ev, body, author):
    ev.entity, ev.role = _bytes(body, "entity", 32), _role(body.get("role"))


def _remove(ev, body, author):
    ev.entity, ev.cuts = _bytes(body, "entity", 32), _cuts(body)


def _set_role(ev, body, author):
    ev.role, ev.patterns = _role(body.get("role")), _patterns(body.get("kinds"), 64)


def _handover(ev, body, author):
    ev.next = _bytes(body, "next", 32)
    need(ev.next != author and "head" in body)
    ev.head = None if body["head"] is None else _bytes(body, "head", 32)


def _ack(ev, body, author):
    pass


def _wraps(body):
    for wrap in _array(body.get("wraps"), 256):
        need(isinstance(wrap, dict))
        _int(wrap.get("suite"))
        need(isinstance(wrap.get("wrap"), bytes) and len(wrap["wrap"]) <= 2048)


def _key(ev, body, author):
    ev.epoch, ev.key_hash = _int(body.get("epoch"), 1), _bytes(body, "key_hash", 32)
    _wraps(body)
    if "previous" in body:
        _bytes(body, "previous", 48)


def _setup(ev, body, author):
    _setup_of(Genesis(), body, author)


def _keeper(ev, body, author):
    _bytes(body, "entity", 32)
    need(isinstance(body.get("keeps"), bool))


def _access(ev, body, author):
    _wraps(body)
    _bytes(body, "n", 24)
    need(isinstance(body.get("x"), bytes))


def _reducer(ev, body, author):
    _bytes(body, "hash", 32)
    _text(body.get("version"), 32)


def _identity(ev, body, author):
    ev.cuts, ev.statement = _cuts(body), _statement(body)


def _takeover(ev, body, author):
    ev.statement = _statement(body)
    need(ev.statement.action == TAKEOVER)


def _tombstone(ev, body, author):
    ev.target = _bytes(body, "target", 32)


def _sealed(ev, body, author):
    check_sealed(body)
    ev.epoch = body["e"]


def check_sealed(body):
    """The shape of page 7, the same for the body and for the erasable map."""
    _bytes(body, "c", 32)
    _int(body.get("e"), 1)
    _bytes(body, "n", 24)
    need(isinstance(body.get("x"), bytes))


FITS = {"topic.member": _member, "topic.remove": _remove, "topic.role": _set_role,
        "topic.handover": _handover, "topic.ack": _ack, "topic.key": _key,
        "topic.reducer": _reducer, "topic.identity": _identity, "topic.takeover": _takeover,
        "topic.tombstone": _tombstone, "topic.sealed": _sealed, "topic.setup": _setup,
        "topic.keeper": _keeper, "topic.access": _access}


def read_event(kind, body, author, has_evidence):
    """The event, or Misfit. Whether its author may do this is asked elsewhere."""
    ev = Event()
    ev.kind, ev.entity, ev.role, ev.patterns, ev.cuts = kind, None, None, None, []
    ev.next = ev.head = ev.statement = ev.target = ev.epoch = ev.key_hash = None
    # A genesis that is the topic's own is never read here.
    need(kind in FITS and not (kind == "topic.sealed" and has_evidence))
    FITS[kind](ev, body, author)
    return ev


def verdict(entry, in_chain, begins_leg, policy):
    """The first code of page 5.3 that applies, or 'accepted'. `policy` answers
    for the moment just before the entry."""
    if not entry.decoded:
        return "bad_payload"
    if not entry.evidence_ok:
        return "bad_evidence"
    if policy.private:
        return _private_verdict(entry, in_chain, begins_leg, policy)
    kind = entry.kind
    kernel = kind.startswith("topic.")
    if not in_chain:
        if policy.revoked(entry):
            return "revoked"
        if policy.stale(entry):
            return "stale_certificate"
        role = policy.role(entry)
        if role is None:
            return "not_member"
        if not kernel:
            patterns = policy.patterns(entry, role)
            if patterns is not None and not any(matches(x, kind) for x in patterns):
                return "not_permitted"
    if not kernel or entry.genesis:
        return "accepted"
    if kind not in FITS and kind != "topic.genesis":
        return "unknown_kind"
    if kind in SEQUENCER_KINDS and not in_chain:
        return "not_sequencer"
    if entry.event is None or kind in PRIVATE_KINDS:
        return "bad_event"
    if kind == "topic.takeover" and not begins_leg:
        return "not_sequencer"
    return "accepted"


def _private_verdict(entry, in_chain, begins_leg, policy):
    """Page 5.6, for a reader without keys."""
    kind, event = entry.kind, entry.event
    if kind == "topic.sealed" and event is not None:
        return "sealed" if event.epoch in policy.epochs else "unknown_epoch"
    if not in_chain:
        if policy.revoked(entry):
            return "revoked"
        if policy.stale(entry):
            return "stale_certificate"
    if entry.genesis:
        return "accepted"
    if (kind not in FITS and kind != "topic.genesis") or (event is not None
                                                          and kind not in CLEAR_KINDS):
        return "not_sealed"
    if kind in SEQUENCER_KINDS and not in_chain:
        return "not_sequencer"
    if event is None:
        return "bad_event"
    if kind == "topic.takeover" and not begins_leg:
        return "not_sequencer"
    if kind == "topic.key" and not policy.follows(event):
        return "bad_epoch"
    return "accepted"


def revoked_device(event):
    """(entity, device) that a topic.identity revokes, or None."""
    st = event.statement
    return (st.entity, st.subject) if st is not None and st.action == REVOKE else None


def rotation(event):
    """(entity, statement hash) of the rotation it carries, or None."""
    st = event.statement
    return (st.entity, st.hash) if st is not None and st.action == ROTATE else None
