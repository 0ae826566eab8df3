# SPDX-License-Identifier: MIT
"""Add up JUnit files: a line for each, and what is to be read first, the names of what failed.

Usage: python -m tools.count_results STAGES_PASSED STAGES_FAILED RESULT.xml ... Stages that are not
test runs (a build, the linter) count as one check each. The last line is "N passed, N failed".
"""

import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

from tools.check_promises import case_verdict, test_keys


def main() -> int:
    passed, failed = int(sys.argv[1]), int(sys.argv[2])
    for file in map(Path, sys.argv[3:]):
        cases = list(ElementTree.parse(file).getroot().iter("testcase"))
        count = Counter(case_verdict(case) for case in cases)
        print(
            f"{file.stem:24} {count['passed']:5} passed, {count['failed']} failed, "
            f"{count['skipped']} skipped"
        )
        for case in cases:
            if case_verdict(case) == "failed":
                print(f"    failed: {test_keys(case)[0]}")
        passed += count["passed"]
        failed += count["failed"]
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
