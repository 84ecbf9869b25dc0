"""What verify.py prints: text for people, or one JSON object."""

from .order import STATUS

LIMITS = """\
What this file cannot prove: that a feed has no further entries, since whoever
wrote the file can leave out the tail, nor that a feed has no other branch that
was withheld. Times are the writers' claims; only what an entry cites is proven
to be older than it. It proves who signed a thing, not that the thing is so."""
SHOWN_ERRORS = 200


def _hex(value):
    return None if value is None else value.hex()


def feed_facts(feed):
    """The entry named as last is the one furthest on; of several branches'
    last ones the one with the smallest id, so that all name the same."""
    last = min(feed.entries, key=lambda e: (-e.seq, e.id))
    return {"entity": _hex(last.certificate.entity), "device": _hex(feed.author),
            "up_to": last.seq, "head": _hex(last.id), "forked_at": feed.forked_at,
            "erased": sum(1 for e in feed.entries if e.erased)}


def topic_facts(topic, order, with_order):
    facts = {"topic": _hex(topic.id), "digest": _hex(order.digest),
             "state": order.chain.state, "sequencer": _hex(order.chain.sequencer)}
    facts["forked_at"] = order.chain.forked_at
    facts["feeds"] = [feed_facts(topic.feeds[author]) for author in sorted(topic.feeds)]
    if with_order:
        facts["order"] = order_rows(order)
    return facts


def order_rows(order):
    return [{"id": e.id.hex(), "status": STATUS[status], "code": code}
            for e, status, code in order.list]


def error_facts(problem):
    feed = None
    if problem.author is not None:
        feed = {"author": _hex(problem.author), "topic": _hex(problem.topic)}
    return {"offset": problem.offset, "feed": feed, "seq": problem.seq, "code": problem.code}


def as_json(verified, with_order=False):
    errors = [error_facts(p) for p in verified.errors]
    return {"ok": not errors,
            "topics": [topic_facts(t, o, with_order) for t, o in verified.topics],
            "errors": errors}


def as_text(verified, with_order=False):
    facts, lines = as_json(verified, with_order), []
    for (topic, _), t in zip(verified.topics, facts["topics"]):
        lines.append("topic %s" % t["topic"])
        lines.append("  app %s %d, %s, %s" % (_safe(topic.policy.app), topic.policy.major,
                                              topic.policy.mode, topic.policy.visibility))
        lines.append("  digest %s" % t["digest"])
        state = t["state"]
        if state == "forked":
            state += " at seq %d" % t["forked_at"]
        lines.append("  %s, sequencer %s" % (state, t["sequencer"]))
        for f in t["feeds"]:
            lines += _feed_lines(f)
        for row in t.get("order", ()):
            lines.append("  %s %-9s %s" % (row["id"], row["status"], row["code"]))
    lines += _statement_lines(verified.statements)
    errors = facts["errors"]
    for e in errors[:SHOWN_ERRORS]:
        lines.append(_error_line(e))
    if len(errors) > SHOWN_ERRORS:
        lines.append("… and %d more errors" % (len(errors) - SHOWN_ERRORS))
    lines.append("no errors" if facts["ok"] else "%d error(s)" % len(errors))
    lines.append("")
    lines.append(LIMITS)
    return "\n".join(lines)


def _safe(text):
    """Names come from strangers: nothing in them may move the cursor."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _feed_lines(f):
    lines = ["  feed of device %s" % f["device"], "    entity %s" % f["entity"],
             "    complete up to seq %d, last entry %s" % (f["up_to"], f["head"])]
    if f["forked_at"] is not None:
        lines.append("    forked at seq %d" % f["forked_at"])
    if f["erased"]:
        lines.append("    %d payload(s) erased" % f["erased"])
    return lines


def _statement_lines(statements):
    count = {}
    for st in statements:
        count[st.entity, st.number] = count.get((st.entity, st.number), 0) + 1
    return ["statement of entity %s, number %d: %s%s" % (
        st.entity.hex(), st.number, st.action_name,
        " (THE LOG IS FORKED HERE)" if count[st.entity, st.number] > 1 else "")
        for st in sorted(statements, key=lambda st: (st.entity, st.number, st.hash))]


def _error_line(e):
    line = "error at byte %d: %s" % (e["offset"], e["code"])
    if e["feed"] is not None:
        line += ", feed of device %s in topic %s" % (e["feed"]["author"], e["feed"]["topic"])
    if e["seq"] is not None:
        line += ", seq %d" % e["seq"]
    return line
