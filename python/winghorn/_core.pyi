# SPDX-License-Identifier: MIT
"""The extension module: settings, arbiter, engine."""

from collections.abc import Iterable
from types import TracebackType
from typing import Any, Literal, TypedDict, final

from typing_extensions import Self

from winghorn.server import Server

__version__: str

# ---- settings (src/python/module/config_binding.cc)

class SettingRow(TypedDict):
    """One setting, as far as a command line needs to know it."""

    name: str
    section: str
    flags: list[str]  # "-w", "--workers"; empty: config file only
    metavar: str
    kind: Literal["text", "integer", "octal", "decimal", "flag", "list", "callable"]
    works: bool  # False: giving it another value than its default is refused
    default: str  # as it would be given on the command line; "None", "False", "True"
    help: str
    stores: bool  # of a flag: what giving it means
    bare_value: str | None  # what the flag means without a value; None: it needs one
    needs_restart: bool
    arity: int  # of a callable: how many arguments it is called with
    variable: str  # the environment variable that gives the default; "" when there is none
    variable_prefix: str  # put before the variable's value

Origin = Literal["environment", "config file", "arguments variable", "command line"]

# (name, value, origin, where): `where` is the environment variable's name or the config file.
Given = tuple[str, object, Origin, str]

class SettingsError(Exception):
    """The configuration is wrong. `args` are the complaints, one line each."""

@final
class Settings:
    """A configuration that has been checked. Made by make_settings() only; never changes."""

    @property
    def wsgi_app(self) -> str: ...  # "" when none was named
    @property
    def paste(self) -> str: ...  # FILE[#SECTION], absolute; "" when wsgi_app is the application
    @property
    def paste_global_conf(self) -> dict[str, str]: ...
    @property
    def config_file(self) -> str: ...  # "" when none was read
    @property
    def chdir(self) -> str: ...
    @property
    def proc_name(self) -> str: ...  # the application's where none was given
    @property
    def pythonpath(self) -> list[str]: ...
    @property
    def reload_extra_files(self) -> list[str]: ...  # absolute
    @property
    def environment(self) -> dict[str, str]: ...
    @property
    def check_config(self) -> bool: ...
    @property
    def print_config(self) -> bool: ...
    @property
    def worker_class(self) -> str: ...  # after promotion: "sync" or "gthread"
    @property
    def logs_by_python(self) -> bool: ...
    @property
    def statsd_address(self) -> str | tuple[str, int] | None: ...
    @property
    def warnings(self) -> list[str]: ...  # serve() logs them
    def values(self) -> dict[str, Any]: ...  # of every setting; functions as they print

def settings() -> list[SettingRow]:
    """Every row of the table, sections together."""

def make_settings(
    values: Iterable[Given], directory: str, config_file: str, warnings: Iterable[str]
) -> Settings:
    """Check `values`, given in ascending precedence; the last one for a name counts.

    `directory` is the current folder, `config_file` what was read ("" when nothing was), `warnings`
    what the caller found odd. Raises SettingsError with all complaints.
    """

def print_config(settings: Settings) -> str: ...
def settings_page() -> str: ...
def nearest_flag(flag: str) -> str:
    """The option that was probably meant, or "" when none is close."""

# ---- serving

# A listening socket: descriptor, "http://127.0.0.1:8000", host or path, port (0: a Unix socket).
SocketDescription = tuple[int, str, bytes, int]

def serve(server: Server) -> int:
    """Run `server` in this process until it is stopped; returns the exit status.

    Its reload() is called in the arbiter on HUP; if it raises, the text of the exception is logged
    and the old settings stay. Its load_application() is called once in each worker, after the fork;
    it raises winghorn.app_loader.BootError, whose `code` becomes the worker's exit status and whose
    `text` goes to the log.
    """

def say(level: int, text: object) -> None:
    """Write `text` to the error log if `level`, as logging counts levels, is wanted."""

def ask_for_reload() -> bool:
    """In a worker: have the arbiter reload, as by HUP. False when it cannot be told."""

def note_progress() -> None:
    """In a worker: what runs gets on, although it has not returned. Elsewhere it does nothing."""

def say_access(text: object) -> None:
    """Write one line to the access log."""

def log_level() -> int:
    """The lowest level that the error log wants, as logging counts levels."""

class SlotStatus(TypedDict):
    """What one slot of a worker does."""

    number: int
    busy: bool
    phase: str  # "idle", "running", "waiting for the client to read", ...
    method: str  # of the request that runs in it; "" when none does
    target: str  # likewise, as it was received; what is long is cut
    peer: str  # likewise
    seconds: float  # since that request began

class Expiries(TypedDict):
    """How often each clock has run out, by the setting that it runs for."""

    first_byte: int  # first_byte_timeout
    head: int  # head_timeout
    body: int  # body_timeout
    write: int  # write_timeout
    idle: int  # keepalive
    linger: int  # linger_timeout
    queue: int  # queue_timeout
    request: int  # request_timeout

class WorkerStatus(TypedDict):
    """What the scoreboard says of one worker."""

    pid: int
    number: int
    generation: int  # of settings and code; a reload makes the next
    state: Literal["booting", "ready", "stopped", "retiring", "dead"]
    seconds: float  # since it was started
    connections: int
    queued: int  # complete requests that wait for a slot
    requests: int  # done
    oldest_waiting: float  # seconds that the first of those queued has waited; 0.0: none waits
    refused: int  # answered 503: too many waited for a slot, or too long
    handed_over: int  # to other workers, before they had begun
    taken_in: int  # from other workers
    expired: Expiries
    peers_refused: int  # connections of addresses that had limit_peer_connections
    slots: list[SlotStatus]  # also those that stand in for stuck ones, while they are busy

def status() -> list[WorkerStatus]:
    """Every worker of this server, also as seen from one of them; [] where no server runs.

    Read from shared memory and without waiting for anybody: the numbers are a few milliseconds old
    and need not be from one moment.
    """

# ---- raised inside applications (src/python/wsgi/exceptions.h); public as winghorn.exceptions

class ClientDisconnected(OSError):
    """The client went away before the request or its answer was whole."""

class BadRequestBody(ValueError):
    """The framing of the request's body is broken."""

class RequestBodyTimeout(TimeoutError):
    """The request's body came too slowly."""

class RequestBodyTooLarge(ValueError):
    """The request's body is longer than the setting limit_request_body allows."""

class RequestTimeout(BaseException):
    """The time of a request is over, and its client has been answered."""

class RequestBodyNotStored(OSError):
    """The server had no room to keep the request's body."""

class InvalidResponseHeader(ValueError):
    """A response header has a value that cannot be sent."""

class InvalidResponseHeaderName(InvalidResponseHeader):
    """A response header has a name that cannot be sent."""

# ---- limits (src/python/timeouts/timeout_object.h); public as winghorn.timeout

class TimeoutExpired(TimeoutError):
    """The time of a `winghorn.timeout` block is over. `__cause__` says where its code stood."""

class Timeout:
    """A block of code that is interrupted when its time is over."""

    def __new__(cls, seconds: float | None) -> Self: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> Literal[False]: ...
