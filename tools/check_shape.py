# SPDX-License-Identifier: MIT
"""Small rules of form that no formatter knows.

A header says #pragma once and opens with its promise; a .cc includes its own header first; every
file carries its licence line; none is longer than 800 lines (tables and test cases excepted).
"""

import re
import subprocess
import sys
from pathlib import Path

MAX_LINES = 800
INCLUDE = re.compile(r'^#include [<"]([^">]+)[">]', re.MULTILINE)
SOURCES = {".h", ".cc", ".py", ".sh"}


def is_long_by_nature(path: Path) -> bool:
    """Tables and test cases: reading them is searching, not following."""
    return "tests" in path.parts or path.stem.endswith(("_table", "_test"))


def own_header_fault(path: Path, text: str) -> str | None:
    header = path.with_suffix(".h")
    if path.suffix != ".cc" or not header.exists():
        return None
    own = header.relative_to("src").as_posix()
    first = INCLUDE.search(text)
    if first and first[1] == own:
        return None
    return f"{path}: its first include must be its own header, {own}"


def header_faults(path: Path, text: str) -> list[str]:
    faults = []
    if "#pragma once" not in text:
        faults.append(f"{path}: no #pragma once")
    if not re.match(r"(// SPDX-[^\n]*\n(//)?\n?)?// (?!SPDX)\S", text):
        faults.append(f"{path}: a header begins with its promise")
    return faults


def file_faults(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    faults = []
    if "SPDX-License-Identifier: MIT" not in text[:4000] and text.strip():
        faults.append(f"{path}: no licence line (SPDX-License-Identifier: MIT)")
    lines = text.count("\n")
    if lines > MAX_LINES and not is_long_by_nature(path):
        faults.append(f"{path}: {lines} lines; the limit is {MAX_LINES}")
    if path.parts[0] == "src":
        own = own_header_fault(path, text)
        faults += [own] if own else []
        faults += header_faults(path, text) if path.suffix == ".h" else []
    return faults


def main() -> int:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    paths = [Path(name) for name in listed.split("\0") if Path(name).suffix in SOURCES]
    faults = [fault for path in sorted(paths) if path.exists() for fault in file_faults(path)]
    print("\n".join(faults), end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
