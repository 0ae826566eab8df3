# SPDX-License-Identifier: MIT
"""Tracebacks for the people who wrote the application: they begin at its first line."""

from __future__ import annotations

import importlib
import traceback


def user_traceback(error: BaseException, *own_files: str, hint: str = "") -> str:
    """The traceback without frames of `own_files` and of the import machinery.

    The last line is the reason; `hint`, if any, is put at its end.
    """
    report = traceback.TracebackException.from_exception(error)
    hidden = {__file__, importlib.__file__, *own_files}
    seen: set[int] = set()
    pending: list[traceback.TracebackException | None] = [report]
    while pending:
        one = pending.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        one.stack = traceback.StackSummary.from_list(
            [frame for frame in one.stack if not _is_hidden(frame.filename, hidden)]
        )
        pending += [one.__cause__, one.__context__]
    text = "".join(report.format()).rstrip("\n")
    return f"{text}{hint}\n"


def _is_hidden(filename: str, hidden: set[str]) -> bool:
    return filename in hidden or filename.startswith("<frozen importlib")
