# SPDX-License-Identifier: MIT
"""The layer check rejects what it is there to reject, and the table of the tree is sound."""

from pathlib import Path

import pytest

from tools.check_layers import check, read_table

TABLE = """
[[folder]]
path = "core/base"
may = []
[[folder]]
path = "core/net"
may = ["core/base"]
alone = ["sys/epoll.h", "openssl/"]
[[folder]]
path = "core/http1"
may = ["core/base"]
"""


@pytest.mark.parametrize(
    ("folder", "include", "fault"),
    [
        ("core/http1", '"core/base/fd.h"', None),
        ("core/http1", '"core/http1/parser.h"', None),
        ("core/http1", "<vector>", None),
        ("core/net", "<sys/epoll.h>", None),
        ("core/http1", '"core/net/loop.h"', "core/http1 may not include core/net"),
        ("core/http1", "<core/net/loop.h>", "core/http1 may not include core/net"),
        ("core/base", '"core/http1/parser.h"', "core/base may not include core/http1"),
        ("core/http1", "<sys/epoll.h>", "<sys/epoll.h> belongs to core/net alone"),
        ("core/http1", "<openssl/ssl.h>", "<openssl/ssl.h> belongs to core/net alone"),
        ("core/http1", '"parser.h"', "own headers are written from src/, as folder/parser.h"),
        ("core/new", "<vector>", "folder core/new is not in layers.toml"),
    ],
)
def test_includes(tmp_path: Path, folder: str, include: str, fault: str | None) -> None:
    rows, _ = read_table(TABLE)
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / "a.cc").write_text(f"#include {include}\n")
    found = check(tmp_path, rows)
    if fault is None:
        assert found == []
    else:
        assert len(found) == 1
        assert found[0].endswith(fault)


def test_a_row_may_only_refer_upward() -> None:
    _, faults = read_table(
        '[[folder]]\npath = "a"\nmay = ["b"]\n[[folder]]\npath = "b"\nmay = []\n'
    )
    assert faults == ["layers.toml: a names b, which is not above it"]


def test_the_table_of_this_tree_is_sound() -> None:
    rows, faults = read_table((Path(__file__).parents[2] / "layers.toml").read_text())
    assert faults == []
    assert "core/base" in rows
