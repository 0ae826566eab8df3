# SPDX-License-Identifier: MIT
"""Command lines, good and bad: each flag with a value that is taken and values that are refused."""

from __future__ import annotations

from tests.parity.scenario import Job, Scenario

# Setting, flag, value that is taken. Its line of --print-config is compared.
GOOD = [
    ("backlog", "--backlog", "64"),
    ("workers", "-w", "3"),
    ("workers", "--workers", "0"),
    ("workers", "--workers", "+2"),
    ("workers", "--workers", "0007"),
    ("workers", "--workers", " 4 "),
    ("workers", "--workers", "1_0"),
    ("worker_class", "-k", "gthread"),
    ("worker_class", "--worker-class", " sync "),
    ("threads", "--threads", "4"),
    ("worker_connections", "--worker-connections", "10"),
    ("max_requests", "--max-requests", "100"),
    ("max_requests_jitter", "--max-requests-jitter", "5"),
    ("timeout", "-t", "7"),
    ("timeout", "--timeout", "0"),
    ("graceful_timeout", "--graceful-timeout", "9"),
    ("keepalive", "--keep-alive", "0"),
    ("keepalive", "--keep-alive", "11"),
    ("limit_request_line", "--limit-request-line", "100"),
    ("limit_request_line", "--limit-request-line", "0"),
    ("limit_request_fields", "--limit-request-fields", "50"),
    ("limit_request_field_size", "--limit-request-field_size", "4000"),
    ("reload_engine", "--reload-engine", "poll"),
    ("reload_engine", "--reload-engine", "auto"),
    ("reload_engine", "--reload-engine", "inotify"),
    ("reload_extra_files", "--reload-extra-file", "app.py"),
    ("raw_env", "-e", "A=b"),
    ("raw_env", "--env", "A=b=c"),
    ("pidfile", "-p", "server.pid"),
    ("pidfile", "--pid", ""),
    ("worker_tmp_dir", "--worker-tmp-dir", "/dev/shm"),
    ("umask", "-m", "0022"),
    ("umask", "--umask", "0o22"),
    ("umask", "--umask", "0xFF"),
    ("umask", "--umask", "18"),
    ("forwarded_allow_ips", "--forwarded-allow-ips", "10.0.0.0/8, 127.0.0.1"),
    ("forwarded_allow_ips", "--forwarded-allow-ips", "*"),
    ("forwarded_allow_ips", "--forwarded-allow-ips", ""),
    ("forwarded_allow_ips", "--forwarded-allow-ips", "::1,fe80::/10"),
    ("pythonpath", "--pythonpath", "a,b"),
    ("proxy_protocol", "--proxy-protocol", "v1"),
    ("proxy_protocol", "--proxy-protocol", "V2"),
    ("proxy_protocol", "--proxy-protocol", "true"),
    ("proxy_protocol", "--proxy-protocol", "1"),
    ("proxy_protocol", "--proxy-protocol", "none"),
    ("proxy_protocol", "--proxy-protocol", "0"),
    ("proxy_allow_ips", "--proxy-allow-from", "10.1.2.3"),
    ("protocol", "--protocol", "uwsgi"),
    ("uwsgi_allow_ips", "--uwsgi-allow-from", "10.0.0.1,::1"),
    ("forwarder_headers", "--forwarder-headers", "SCRIPT_NAME, REMOTE_USER,"),
    ("forwarder_headers", "--forwarder-headers", ""),
    ("header_map", "--header-map", "refuse"),
    ("header_map", "--header-map", " DANGEROUS "),
    ("accesslog", "--access-logfile", "-"),
    ("accesslog", "--access-logfile", " access.log "),
    ("access_log_format", "--access-logformat", "%(h)s"),
    ("errorlog", "--error-logfile", "-"),
    ("errorlog", "--log-file", "error.log"),
    ("loglevel", "--log-level", "DEBUG"),
    ("proc_name", "-n", "shop"),
    ("proc_name", "--name", "shop front"),
    ("bind", "-b", "127.0.0.1:9000"),
    ("bind", "--bind", "unix:/tmp/parity.sock"),
    ("bind", "--bind", "localhost"),
    ("bind", "-b", "[::1]:9000"),
    ("chdir", "--chdir", "below"),
    ("wsgi_app", "--wsgi-app", "app:app"),
]  # fmt: skip

# Flags without a value.
FLAGS = [
    ("reload", "--reload"),
    ("check_config", "--check-config"),
    ("sendfile", "--no-sendfile"),
    ("permit_obsolete_folding", "--permit-obsolete-folding"),
    ("strip_header_spaces", "--strip-header-spaces"),
    ("permit_unconventional_http_method", "--permit-unconventional-http-method"),
    ("permit_unconventional_http_version", "--permit-unconventional-http-version"),
    ("casefold_http_method", "--casefold-http-method"),
    ("proxy_protocol", "--proxy-protocol"),
]

NUMBERS = [
    ("workers", "--workers"),
    ("threads", "--threads"),
    ("backlog", "--backlog"),
    ("worker_connections", "--worker-connections"),
    ("max_requests", "--max-requests"),
    ("max_requests_jitter", "--max-requests-jitter"),
    ("timeout", "--timeout"),
    ("graceful_timeout", "--graceful-timeout"),
    ("keepalive", "--keep-alive"),
    ("limit_request_line", "--limit-request-line"),
    ("limit_request_fields", "--limit-request-fields"),
    ("limit_request_field_size", "--limit-request-field_size"),
]
BAD_NUMBERS = ["-1", "abc", "0x10", "1.5", ""]

# Setting, flag, value that is refused.
BAD = [
    ("umask", "--umask", "rw"),
    ("umask", "--umask", "-1"),
    ("umask", "--umask", "0o9"),
    ("reload_engine", "--reload-engine", "kqueue"),
    ("reload_extra_files", "--reload-extra-file", "missing.txt"),
    ("chdir", "--chdir", "/no/such/folder"),
    ("forwarded_allow_ips", "--forwarded-allow-ips", "10.0.0.1/8"),
    ("forwarded_allow_ips", "--forwarded-allow-ips", "localhost"),
    ("forwarded_allow_ips", "--forwarded-allow-ips", "10.0.0.1,,x"),
    ("proxy_allow_ips", "--proxy-allow-from", "10.0.0.256"),
    ("uwsgi_allow_ips", "--uwsgi-allow-from", "::1/200"),
    ("proxy_protocol", "--proxy-protocol", "v3"),
    ("header_map", "--header-map", "keep"),
    ("config", "--config", "missing.conf.py"),
    ("config", "--config", "file:missing.conf.py"),
    ("config", "--config", "python:missing_module"),
]

# What the option parser does itself: name, arguments, compared lines of --print-config.
PARSING: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = [
    ("abbreviated", ("--worker-cl", "gthread"), ("worker_class",)),
    ("abbreviated flag", ("--permit-o",), ("permit_obsolete_folding",)),
    ("abbreviated to an exact name", ("--reload",), ("reload", "reload_engine")),
    ("ambiguous", ("--work", "3"), ()),
    ("ambiguous with a value", ("--max=3",), ()),
    ("ambiguous letter", ("--g", "3"), ()),
    ("value behind an equals sign", ("--workers=3",), ("workers",)),
    ("value glued to the letter", ("-w3",), ("workers",)),
    ("value glued to the letter with an equals sign", ("-w=3",), ("workers",)),
    ("value missing at the end", ("app:app", "--workers"), ()),
    ("value missing before an option", ("--bind", "--workers", "3"), ()),
    ("letter's value missing", ("app:app", "-b"), ()),
    ("application taken for a value", ("--proxy-protocol", "app:app"), ()),
    ("optional value given", ("--proxy-protocol=auto",), ("proxy_protocol",)),
    ("optional value left out before an option", ("--proxy-protocol", "-w2"), ("proxy_protocol",)),
    ("unknown option", ("--no-such-option",), ()),
    ("unknown option with a value", ("--no-such-option=3",), ()),
    ("unknown letter", ("-Z",), ()),
    ("two unknown options", ("--one", "--two"), ()),
    ("option that was removed", ("--tolerate-dangerous-framing",), ()),
    ("value for a flag", ("--reload=yes",), ()),
    ("given twice, the last counts", ("-w2", "-w3"), ("workers",)),
    ("list option twice", ("-b", "127.0.0.1:1", "-b", "127.0.0.1:2"), ("bind",)),
    ("environment twice", ("-e", "A=1", "-e", "B=2"), ("raw_env",)),
    ("options before and behind", ("-w2", "app:app", "--threads", "3"), ("workers", "threads")),
    ("end of options", ("-w2", "--", "app:app"), ("workers",)),
    ("option behind the end of options", ("--", "app:app", "-w2"), ("workers",)),
    ("dash with underscore", ("--limit_request_line", "5"), ()),
    ("underscore with dash", ("--limit-request-field-size", "5"), ()),
    ("flags in capitals", ("--WORKERS", "5"), ()),
]


def _print(name: str, args: tuple[str, ...], setting: str, lines: tuple[str, ...]) -> Scenario:
    return Scenario(
        f"command line: {name}",
        "1.4",
        ("--print-config", *args),
        files={"below/app.py": "def app(e, s): pass\n"},
        settings=(setting,),
        lines=lines,
    )


def _refused(setting: str, flag: str, value: str) -> Scenario:
    name = f"command line: {flag} {value!r} is refused"
    return Scenario(name, "1.3", ("--check-config", f"{flag}={value}"), settings=(setting,))


def jobs() -> list[Job]:
    """One run of the program each."""
    found = [
        _print(f"{flag} {value!r}", (flag, value), setting, (setting,))
        for setting, flag, value in GOOD
        if setting != "wsgi_app"
    ]
    found += [_print(flag, ("app:app", flag), setting, (setting,)) for setting, flag in FLAGS]
    found += [_refused(s, flag, value) for s, flag in NUMBERS for value in BAD_NUMBERS]
    found += [_refused(*row) for row in BAD]
    for name, args, lines in PARSING:
        app = None if "app:app" in args else "app:app"
        command = ("--print-config" if lines else "--check-config", *args)
        found.append(Scenario(f"parsing: {name}", "1.1", command, app, lines=lines))
    return [*found, *_others()]


def _others() -> list[Scenario]:
    check = "--check-config"
    return [
        Scenario("version", "0", ("--version",), None),
        Scenario("version, letter", "0", ("-v",), None),
        Scenario("check: good application", "1.2", (check,)),
        Scenario("check: no application", "1.2", (check,), None),
        Scenario("check: application that is not there", "1.2", (check,), "app:missing"),
        Scenario("check: module that is not there", "1.2", (check,), "missing:app"),
        Scenario("check: a second application", "1.1", (check, "app:app", "app:other"), None),
        Scenario("check: an address that is none", "1.2", (check, "-b", "127.0.0.1:http")),
        Scenario("check: a variable that is none", "1.2", (check, "-e", "NAME")),
        Scenario("check: a worker class that is none", "1.2", (check, "-k", "no.such.Class")),
        Scenario("check: a log file that cannot be", "1.2", (check, "--log-file", "/no/such/log")),
        Scenario("no application", "2.1", (), None),
        Scenario("default of everything", "1.4", ("--print-config",), settings=("print_config",)),
        Scenario("print: application that is not there", "1.2", ("--print-config",), "app:no", lines=("bind", "x")),
        Scenario("-c with an application", "1.2", ("--print-config", "-c", "other.py"),
                 files={"other.py": "workers = 3"}, lines=("workers", "config"), settings=("config",)),
    ]  # fmt: skip
