# SPDX-License-Identifier: MIT
"""Hold src/ to the table in layers.toml: who may include whom, and who alone sees which header."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    from pip._vendor import tomli as tomllib

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')


@dataclass(frozen=True)
class Row:
    """One folder of src/: what of ours it may include, which foreign headers it alone may see."""

    path: str
    may: frozenset[str]
    alone: tuple[str, ...]


def read_table(text: str) -> tuple[dict[str, Row], list[str]]:
    """The rows by path, and what is wrong with the table itself: a row may only refer upward."""
    rows: dict[str, Row] = {}
    faults = []
    for entry in tomllib.loads(text)["folder"]:
        row = Row(entry["path"], frozenset(entry["may"]), tuple(entry.get("alone", ())))
        faults += [
            f"layers.toml: {row.path} names {name}, which is not above it"
            for name in sorted(row.may - rows.keys())
        ]
        rows[row.path] = row
    return rows, faults


def include_fault(row: Row, rows: dict[str, Row], quoted: bool, name: str) -> str | None:
    """Why a file of this row may not include that, or None."""
    folder = name.rpartition("/")[0]
    if quoted or folder in rows:
        if folder in rows and folder != row.path and folder not in row.may:
            return f"{row.path} may not include {folder}"
        return None if folder in rows else f"own headers are written from src/, as folder/{name}"
    owners = [r.path for r in rows.values() if any(name.startswith(h) for h in r.alone)]
    if owners and row.path not in owners:
        return f"<{name}> belongs to {', '.join(owners)} alone"
    return None


def check(src: Path, rows: dict[str, Row]) -> list[str]:
    """Every fault under src, as file:line: reason."""
    faults = []
    for file in sorted(p for p in src.rglob("*") if p.suffix in {".h", ".cc"}):
        folder = file.parent.relative_to(src).as_posix()
        if folder not in rows:
            faults.append(f"{file}: folder {folder} is not in layers.toml")
            continue
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            found = INCLUDE.match(line)
            fault = found and include_fault(rows[folder], rows, found[1] == '"', found[2])
            if fault:
                faults.append(f"{file}:{number}: {fault}")
    return faults


def main() -> int:
    rows, faults = read_table(Path("layers.toml").read_text(encoding="utf-8"))
    faults += check(Path("src"), rows)
    print("\n".join(faults), end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
