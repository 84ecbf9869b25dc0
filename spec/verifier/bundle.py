"""Page 8: the bundle file, and what verifying one means."""

from . import cbor
from .admit import Admission
from .encoding import H, Reader, Refused
from .entry import decode_run
from .identity import ROTATE, check_statement, parse_statement
from .order import Order
from .proof import check_fork_proof, check_receipt

MAGIC = b"SYNLOG\x00\x01"
MAX_RECORD = 2097152
END, RUN, FORK_PROOF, STATEMENT, REDUCER, NOTE, RECEIPT = range(7)


def read_frame(data):
    """([(offset, kind, record bytes)], None), or with the offset from which on
    the frame is wrong: the records before it are looked at all the same."""
    if data[:8] != MAGIC:
        return [], 0
    records, r, offset = [], Reader(data, 8), 8
    try:
        while True:
            offset = r.pos
            kind = r.u8()
            if kind == END:
                break
            if kind > RECEIPT:
                raise Refused("bad_bundle", "kind")
            records.append((offset, kind, r.bytes(MAX_RECORD)))
        if r.take(32) != H("bundle", data[:offset]):
            raise Refused("bad_bundle", "end hash")
        r.done()
    except Refused:
        return records, offset
    return records, None


class Problem:
    __slots__ = ("offset", "code", "author", "topic", "seq")

    def __init__(self, offset, code, author=None, topic=None, seq=None):
        self.offset, self.code, self.author = offset, code, author
        self.topic, self.seq = topic, seq


class Verified:
    """All that a bundle proves: `errors`, `topics` as (topic, order) pairs, and
    the right `statements` of its records."""

    def __init__(self, data):
        self.problems, self.topics, self.statements = {}, [], []
        records, wrong_at = read_frame(data)
        if wrong_at is not None:
            self._report(wrong_at, "bad_bundle")
        self._verify(records)

    @property
    def errors(self):
        return sorted(self.problems.values(),
                      key=lambda p: (p.offset, -1 if p.seq is None else p.seq, p.code))

    def _report(self, offset, code, author=None, topic=None, seq=None):
        """One error for each record and code, naming the lowest seq: a run
        whose first entry is refused would name all 256 otherwise."""
        problem = Problem(offset, code, author, topic, seq)
        known = self.problems.get((offset, code))
        if known is None or (seq is not None and known.seq is not None and seq < known.seq):
            self.problems[offset, code] = problem

    def _verify(self, records):
        admission, statements = Admission(self._report), []
        for offset, kind, data in records:
            try:
                if kind == RUN:
                    admission.add_run(decode_run(data), offset)
                elif kind == FORK_PROOF:
                    admission.add_fork_proof(check_fork_proof(data))
                elif kind == STATEMENT:
                    statements.append((offset, parse_statement(data)))
                elif kind == NOTE:
                    cbor.decode_map(data)
                elif kind == RECEIPT:
                    check_receipt(data)
            except Refused as fault:
                self._report(offset, fault.code)
        admission.run()
        self._check_statements(statements)
        for topic_id in sorted(admission.topics):
            topic = admission.topics[topic_id]
            self.topics.append((topic, Order(topic)))

    def _check_statements(self, statements):
        """Statement records, each by the root that the ones before it lead to.
        A log may be forked: `prev` says which branch a statement belongs to."""
        roots, seen = {}, set()   # statement hash -> (entity, next number, root after it)
        for offset, st in sorted(statements, key=lambda x: (x[1].number, x[0])):
            try:
                entity, number, root = (st.entity, 0, st.entity) if st.prev is None else \
                    roots.get(st.prev, (None, None, None))
                if root is None:
                    raise Refused("missing_ancestor")
                if (entity, number) != (st.entity, st.number):
                    raise Refused("bad_statement", "prev")
                check_statement(st, root)
            except Refused as fault:
                self._report(offset, fault.code)
                continue
            after = st.subject if st.action == ROTATE else root
            roots[st.hash] = st.entity, st.number + 1, after
            if st.hash not in seen:
                seen.add(st.hash)
                self.statements.append(st)
