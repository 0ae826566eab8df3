# SPDX-License-Identifier: MIT
"""The README's code blocks do what they say, in their order and in one folder.

So do those of the pages in docs/ that tell somebody what to type. How a block is read, and which
commands can be tried, is in tests/support/documents.py.
"""

from __future__ import annotations

import re
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.documents import Reader, blocks
from tests.support.server import ROOT

DOCS = sorted((ROOT / "docs").glob("*.md"))
# These have tests of their own that start what stands there with proxies or configurations.
ELSEWHERE = {
    "deploying.md": "tests/process/test_deploying_page.py",
    "hardening.md": "tests/python/test_hardening_page.py",
}
APP = """
def application(environ, start_response):
    start_response("200 OK", [])
    return [environ["PATH_INFO"].encode()]
"""


def test_the_readme_is_true(tmp_path: Path) -> None:
    with ExitStack() as stack:
        reader = Reader(tmp_path, stack)
        for block in blocks(ROOT / "README.md"):
            assert not block.not_run
            reader.read(block)
    assert {"make", "app.py", "winghorn", "curl"} <= set(reader.done)


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_the_commands_of_a_page_work(page: Path, tmp_path: Path) -> None:
    """Shell blocks, in a folder with the files that the page names, or app.py of ours."""
    (tmp_path / "app.py").write_text(APP)
    if page.name in ELSEWHERE:
        assert "documents import" in (ROOT / ELSEWHERE[page.name]).read_text(encoding="utf-8")
        return
    with ExitStack() as stack:
        reader = Reader(tmp_path, stack)
        for block in blocks(page):
            named = block.kind == "python" and re.match(r"# \w[\w.]*\.py\n", block.text)
            if named or (block.kind == "sh" and not block.not_run):
                reader.read(block)


@pytest.mark.parametrize(
    "document",
    ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", *(f"docs/{page.name}" for page in DOCS)],
)
def test_links_lead_somewhere(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    folder = (ROOT / document).parent
    assert [target for target in targets if not (folder / target).exists()] == []


def test_every_make_target_that_is_named_exists() -> None:
    text = "".join((ROOT / name).read_text("utf-8") for name in ("README.md", "CONTRIBUTING.md"))
    for target in sorted(set(re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE))):
        subprocess.run(["make", "-n", target], cwd=ROOT, check=True, capture_output=True)
