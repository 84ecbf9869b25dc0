#!/usr/bin/env python3
"""Writes what the tests here build as a vector file, for other implementations.

    write_cases.py FOLDER

Runs the tests and writes FOLDER/other_bundles.json, in the shape of
vectors/README.md: every bundle that a test of orders made, with the outcome
that verify.py comes to. SYNLOG_TOPICS says how many random topics there are.
"""

import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import test_orders  # noqa: E402
import test_verify  # noqa: E402
import testkit  # noqa: E402
from verifier import vectors  # noqa: E402

made, where = {}, [""]


def recorded(records):
    # Tests shuffle records to see that nothing changes; one order is enough.
    records = list(records)
    data = testkit.bundle(records)
    made.setdefault(frozenset(records), (where[0], data))
    return data


class Result(unittest.TextTestResult):
    def startTest(self, test):
        where[0] = test.id().split(".", 1)[1]
        super().startTest(test)


def main(folder):
    test_orders.bundle = test_verify.bundle = recorded
    loader = unittest.defaultTestLoader
    suite = unittest.TestSuite([loader.loadTestsFromTestCase(test_verify.Orders),
                                loader.loadTestsFromModule(test_orders)])
    if not unittest.TextTestRunner(resultclass=Result).run(suite).wasSuccessful():
        return 1
    cases = []
    for name, data in made.values():
        case = {"name": "%s %d" % (name, len(cases)), "bytes": data.hex()}
        case.update(vectors.FILES["bundles.json"](case))
        cases.append(case)
    with open(os.path.join(folder, "other_bundles.json"), "w", encoding="utf-8") as f:
        json.dump({"about": "Bundles of verify.py's own tests.", "cases": cases}, f, indent=0)
        f.write("\n")
    print("%d cases" % len(cases))
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2 or not os.path.isdir(sys.argv[1]):
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    sys.exit(main(sys.argv[1]))
