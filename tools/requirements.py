# SPDX-License-Identifier: MIT
"""Print a group of optional dependencies of pyproject.toml, one requirement a line.

pip learnt to read groups long after the version that Debian ships; this needs nothing but pip.
"""

import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    from pip._vendor import tomli as tomllib


def requirements(pyproject: Path, group: str) -> list[str]:
    """The lines of one group. KeyError if pyproject.toml has no such group."""
    table = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    lines: list[str] = table["project"]["optional-dependencies"][group]
    return lines


if __name__ == "__main__":
    print("\n".join(requirements(Path(__file__).parent.parent / "pyproject.toml", sys.argv[1])))
