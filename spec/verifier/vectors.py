"""Runs the vector files of vectors/README.md."""

import json
import os

from . import cbor, ed25519, hpke
from .bundle import Verified
from .encoding import Reader, Refused
from .entry import decode_header, decode_part, decode_run, read_payload, skip_target
from .identity import (check_answer, check_certificate, check_statement, parse_request,
                       parse_statement)
from .link import check_proof_of_side, read_ticket
from .proof import check_attestation, check_fork_proof, check_proof
from .report import order_rows
from .sealed import open_payload
from .sync import Meeting, message_name, rows_hash


def unhex(text):
    return bytes.fromhex(text)


def _varint(case):
    r = Reader(unhex(case["bytes"]))
    value = r.varint()
    r.done()
    return {"value": value}


def _cbor(case):
    return {"json": cbor.as_json(cbor.decode(unhex(case["bytes"])))}


def _lipmaa(case):
    return {"target": skip_target(case["seq"])}


def _keys(case):
    return {"admitted": ed25519.admitted(unhex(case["key"]))}


def _signatures(case):
    return {"valid": ed25519.verify(unhex(case["key"]), unhex(case["message"]),
                                    unhex(case["signature"]))}


def _headers(case):
    h = decode_header(unhex(case["bytes"]))
    return {"id": h.id.hex(), "seq": h.seq, "genesis": h.genesis}


def _payloads(case):
    p = read_payload(unhex(case["bytes"]))
    kind, body = decode_part(p.part)
    erasable = None if p.erasable_hash is None else p.erasable_hash.hex()
    return {"hash": p.hash.hex(), "kind": kind, "body": cbor.as_json(body),
            "erasable_hash": erasable}


def _runs(case):
    run = decode_run(unhex(case["bytes"]))
    return {"ids": [h.id.hex() for h in run.headers], "signed": run.signed()}


def _statements(case):
    st = parse_statement(unhex(case["bytes"]))
    check_statement(st, unhex(case["root"]))
    return {"hash": st.hash.hex(), "number": st.number, "action": st.action_name}


def _certificates(case):
    c = check_certificate(unhex(case["bytes"]), unhex(case["device"]))
    return {"entity": c.entity.hex(), "name": c.name}


def _device_requests(case):
    request = parse_request(unhex(case["bytes"]))
    return {"entity": request.entity.hex(), "device": request.device.hex(),
            "name": request.name, "hash": request.hash.hex()}


def _device_answers(case):
    request = parse_request(unhex(case["request"]))
    return {"statements": len(check_answer(unhex(case["bytes"]), request))}


def _proofs(case):
    proof = check_proof(unhex(case["bytes"]))
    return {"id": proof.header.id.hex(), "entity": proof.entity.hex()}


def _attestations(case):
    found = check_attestation(unhex(case["bytes"]))
    return {"device": found.device.hex(), "entity": found.entity.hex(), "fact": found.fact.hex()}


def _fork_proofs(case):
    proof = check_fork_proof(unhex(case["bytes"]))
    return {"author": proof.author.hex(), "topic": proof.topic.hex(), "seq": proof.seq}


def _sealed(case):
    kind, body, erasable = open_payload(
        decode_header(unhex(case["header"])), read_payload(unhex(case["payload"])),
        case["epoch"], unhex(case["epoch_key"]))
    return {"kind": kind, "body": cbor.as_json(body),
            "erasable": None if erasable is None else cbor.as_json(erasable)}


def _wraps(case):
    secret, topic, epoch = unhex(case["secret"]), unhex(case["topic"]), case["epoch"]
    key = hpke.unwrap_key(secret, topic, epoch, unhex(case["key_hash"]),
                          unhex(case["recipient"]), unhex(case["wrap"]))
    previous = hpke.previous_key(topic, epoch, key, unhex(case["previous"]))
    return {"public": hpke.public_key(secret).hex(), "key": key.hex(),
            "previous_key": previous.hex()}


def _bundles(case):
    verified = Verified(unhex(case["bytes"]))
    topics = [{"topic": t.id.hex(), "digest": o.digest.hex(), "state": o.chain.state,
               "order": order_rows(o)} for t, o in verified.topics]
    errors = sorted({p.code for p in verified.errors})
    return {"ok": not errors, "errors": errors, "topics": topics}


def _links(case):
    shown = check_proof_of_side(unhex(case["dialer"]), unhex(case["acceptor"]), case["side"],
                                unhex(case["proof"]), case["socket"])
    device, entity = shown or (None, None)
    return {"device": device and device.hex(), "entity": entity and entity.hex()}


def _tickets(case):
    return read_ticket(case["text"])


def _frontiers(case):
    meeting = Meeting(unhex(case["caller"]), unhex(case["called"]))
    rows = [(unhex(row["topic"]), unhex(row["author"]), row["height"],
             None if row["head"] is None else unhex(row["head"]), row["forked_at"])
            for row in case["rows"]]
    digest = rows_hash(rows)
    return {"digest": digest.hex(), "short": meeting.short(1, digest).hex(),
            "feeds": [meeting.short(2, row[0] + row[1]).hex() for row in rows]}


def _messages(case):
    return {"message": message_name(unhex(case["bytes"]))}


FILES = {"varint.json": _varint, "cbor.json": _cbor, "lipmaa.json": _lipmaa,
         "keys.json": _keys, "signatures.json": _signatures, "headers.json": _headers,
         "payloads.json": _payloads, "runs.json": _runs, "statements.json": _statements,
         "certificates.json": _certificates,
         "device_requests.json": _device_requests, "device_answers.json": _device_answers,
         "proofs.json": _proofs,
         "attestations.json": _attestations,
         "fork_proofs.json": _fork_proofs, "sealed.json": _sealed, "wraps.json": _wraps,
         "bundles.json": _bundles,
         "other_bundles.json": _bundles, "links.json": _links, "tickets.json": _tickets,
         "frontiers.json": _frontiers, "messages.json": _messages}


def run_case(name, case):
    """What is wrong with our outcome of a case, or None."""
    try:
        got = FILES[name](case)
    except Refused as fault:
        if case.get("error") == fault.code:
            return None
        return "refused with %s, expected %s" % (
            fault, case.get("error", "that it is accepted"))
    if "error" in case:
        return "accepted, expected %s" % case["error"]
    for key, value in got.items():
        if key not in case:
            return "the case has no %r" % key
        if case[key] != value:
            return "%s is %s, expected %s" % (key, _short(value), _short(case[key]))
    return None


def _short(value):
    text = json.dumps(value)
    return text if len(text) <= 300 else text[:300] + "…"


def run_folder(folder, write):
    """Runs all files that are there; returns whether nothing was wrong."""
    good = True
    for name in FILES:
        path = os.path.join(folder, name)
        if not os.path.exists(path):
            write("%s: absent" % name)
            continue
        try:
            with open(path, encoding="utf-8") as f:
                cases = json.load(f)["cases"]
        except (OSError, ValueError, KeyError, TypeError) as fault:
            write("%s: unreadable: %s" % (name, fault))
            good = False
            continue
        passed, wrong = 0, []
        for number, case in enumerate(cases):
            try:
                fault = run_case(name, case)
            except (KeyError, ValueError, TypeError, AttributeError) as problem:
                fault = "malformed case: %r" % problem
            if fault is None:
                passed += 1
            else:
                label = case.get("name", number) if isinstance(case, dict) else number
                wrong.append("  %s: %s" % (label, fault))
        write("%s: %d of %d passed" % (name, passed, len(cases)))
        for line in wrong:
            write(line)
        good = good and not wrong
    return good
