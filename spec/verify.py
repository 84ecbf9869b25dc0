#!/usr/bin/env python3
"""Verifies a synlog bundle: see spec/README.md and spec/08-bundle.md.

    verify.py FILE.synlog [--json] [--order]
    verify.py --vectors FOLDER

Exit status: 0 no error found, 1 errors found, 2 usage or unreadable file.
"""

import argparse
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from verifier import report, vectors  # noqa: E402
from verifier.bundle import Verified  # noqa: E402


def arguments(argv):
    parser = argparse.ArgumentParser(prog="verify.py", description="Verifies a synlog bundle.")
    parser.add_argument("file", nargs="?", metavar="FILE.synlog")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--order", action="store_true", help="list every entry in order")
    parser.add_argument("--vectors", metavar="FOLDER", help="run the vector files of a folder")
    args = parser.parse_args(argv)
    if (args.file is None) == (args.vectors is None):
        parser.error("give either a file or --vectors")
    return args


def main(argv=None):
    args = arguments(argv)
    # A terminal that knows no UTF-8 must not make a report into a traceback.
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    if args.vectors is not None:
        if not os.path.isdir(args.vectors):
            print("verify.py: %s is not a folder" % args.vectors, file=sys.stderr)
            return 2
        return 0 if vectors.run_folder(args.vectors, print) else 1
    try:
        with open(args.file, "rb") as f:
            data = f.read()
    except (OSError, ValueError) as fault:
        print("verify.py: %s" % fault, file=sys.stderr)
        return 2
    verified = Verified(data)
    if args.json:
        print(json.dumps(report.as_json(verified, args.order), indent=1))
    else:
        print(report.as_text(verified, args.order))
    return 0 if not verified.problems else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
