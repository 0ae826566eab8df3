# SPDX-License-Identifier: MIT
"""``Config`` and the settings: Winghorn's table, under gunicorn's names."""

from __future__ import annotations

import os
from collections.abc import Callable, Container
from typing import Any

from gunicorn import missing
from winghorn import config_file
from winghorn.app.base import ConfigDraft as Config
from winghorn.cli import start_directory
from winghorn.config import Setting, positional_count, rows

__all__ = ["KNOWN_SETTINGS", "Config", "Setting", "get_default_config_file", "make_settings"]


def make_settings(ignore: Container[str] = ()) -> dict[str, Setting]:
    """A new Setting, with its default, for each that there is."""
    found: dict[str, Setting] = {}
    for name, row in rows().items():
        if name not in ignore:
            found[name] = Setting(name, row["section"], None)
            found[name].value = found[name].default
    return found


KNOWN_SETTINGS = list(make_settings().values())


def get_default_config_file() -> str | None:
    """The config file that is read when none is named; None: there is none."""
    directory = start_directory()
    found = config_file.find(None, directory)
    return None if found is None else os.path.normpath(os.path.join(directory, found))  # noqa: PTH118


# ---- checks of one value, for programs that borrow them


def validate_bool(val: Any) -> bool | None:
    """True, False or None, or one of the words."""
    if val is None or isinstance(val, bool):
        return val
    if not isinstance(val, str):
        raise TypeError(f"Invalid type for casting: {val}")
    words = {"true": True, "false": False}
    if val.strip().lower() not in words:
        raise ValueError(f"Invalid boolean: {val}")
    return words[val.strip().lower()]


def validate_dict(val: Any) -> dict[Any, Any]:
    """A dict."""
    if not isinstance(val, dict):
        raise TypeError(f"Value is not a dictionary: {val} ")
    return val


def validate_pos_int(val: Any) -> int:
    """A number that is not negative; text is read as Python reads literals."""
    number = int(val, 0) if isinstance(val, str) else int(val)
    if number < 0:
        raise ValueError(f"Value must be positive: {val}")
    return number


def validate_string(val: Any) -> str | None:
    """Text without space around it, or None."""
    if val is None:
        return None
    if not isinstance(val, str):
        raise TypeError(f"Not a string: {val}")
    return val.strip()


def validate_list_string(val: Any) -> list[str | None]:
    """A list of texts; one text is a list of one."""
    if not val:
        return []
    return [validate_string(one) for one in ([val] if isinstance(val, str) else val)]


def validate_string_to_list(val: Any) -> list[str]:
    """What stands between commas."""
    text = validate_string(val)
    return [one.strip() for one in (text or "").split(",") if one.strip()]


def validate_callable(arity: int) -> Callable[[Any], Any]:
    """A check for functions of so many arguments; -1 takes any."""

    def check(val: Any) -> Any:
        if not callable(val):
            raise TypeError(f"Value is not callable: {val}")
        if arity not in {-1, positional_count(val)}:
            raise TypeError(f"Value must have an arity of: {arity}")
        return val

    return check


__getattr__ = missing.names(
    __name__,
    {
        "auto_int",
        "validate_class",
        "validate_file_exists",
        "validate_group",
        "validate_hostport",
        "validate_ip_address",
        "validate_list_of_existing_files",
        "validate_post_request",
        "validate_reload_engine",
        "validate_ssl_version",
        "validate_statsd_address",
        "validate_user",
    },
)
