# SPDX-License-Identifier: MIT
"""How an application is named and found, and how the server ends when there is none."""

from __future__ import annotations

from tests.parity.scenario import Get, Job, Scenario

# What follows the module's name, and whether it names an application.
EXPRESSIONS = [
    "app:app",
    "app:application",
    "app",
    "app:",
    "app:missing",
    "app:nothing",
    "app:number",
    "app:Holder",
    "app:Holder.app",
    "app:factory",
    "app:factory()",
    "app:factory('me')",
    "app:factory('me', loud=True)",
    "app:factory(name='me')",
    "app:factory(*['me'])",
    "app:factory(**{'name': 'me'})",
    "app:factory(1, 2, 3)",
    "app:factory(other=1)",
    "app:factory(app)",
    "app:factory(1 + 1)",
    "app:factory(-1)",
    "app:factory(('a', [1], {'b': None}))",
    "app:factory(b'x')",
    "app:factory(True)",
    "app:factory(f'x')",
    "app:factory()()",
    "app:Holder.app()",
    "app:broken_factory()",
    "app:empty_factory()",
    "app:missing()",
    "app:number()",
    "app:1",
    "app:'app'",
    "app:app + app",
    "app:app app",
    "app:(app)",
    "app: app",
    "app:app ",
    "app:lambda: 1",
    "app:app;",
    "app:factory(",
    "app:[app][0]",
    "app:app:app",
    ":app",
    "",
    ":",
    "app.py",
    "app.py:app",
    "missing.py:app",
    "missing",
    "missing:app",
    "missing.module:app",
    "app.sub:app",
    "package:app",
    "package.inner:app",
    "package/inner:app",
    "./app:app",
    "broken_import:app",
    "broken_syntax:app",
    "broken_raise:app",
    "broken_exit:app",
]

FILES = {
    "package/__init__.py": "def app(environ, start_response): pass\n",
    "package/inner.py": "def app(environ, start_response): pass\n",
    "broken_import.py": "import no_such_module\n",
    "broken_syntax.py": "def app(:\n",
    "broken_raise.py": "raise RuntimeError('as asked')\n",
    "broken_exit.py": "import sys\nsys.exit(9)\n",
}
# They ask for an exit status that only the arbiter's log can show.
STARTED = [
    "app:missing",
    "app:nothing",
    "app:number",
    "app:factory(1, 2, 3)",
    "app:factory(",
    "app:Holder.app",
    "app:broken_factory()",
    "app:empty_factory()",
    "missing:app",
    "broken_import:app",
    "broken_syntax:app",
    "broken_raise:app",
    "app.py:app",
]
SERVED = ["app", "app:application", "app:factory('me', loud=True)", "app:Holder"]
LOGS = ("exit", "stdout", "arbiter", "workers")
BIND = ("--bind", "127.0.0.1:0")

FAILING_HOOKS = {
    "post_fork": "def post_fork(server, worker): raise RuntimeError('as asked')\n",
    "post_worker_init": "def post_worker_init(worker): raise RuntimeError('as asked')\n",
    "on_starting": "def on_starting(server): raise RuntimeError('as asked')\n",
    "when_ready": "def when_ready(server): raise ValueError('as asked')\n",
    "post_worker_init exits with 3": "import os\ndef post_worker_init(worker): os._exit(3)\n",
    "post_worker_init exits with 4": "import os\ndef post_worker_init(worker): os._exit(4)\n",
}


def jobs() -> list[Job]:
    """One run of the program each."""
    found: list[Job] = [
        Scenario(f"load: {name!r}", "2.2", ("--check-config",), name, files=FILES)
        for name in EXPRESSIONS
    ]
    found += [
        Scenario(f"start: {name!r}", "2.3", BIND, name, files=FILES, compare=LOGS)
        for name in STARTED
    ]
    found += [
        Scenario(f"serve: {name!r}", "2.2", (), name, steps=(Get("/empty"),), compare=LOGS)
        for name in SERVED
    ]
    for name, text in FAILING_HOOKS.items():
        files = {"gunicorn.conf.py": text}
        found.append(Scenario(f"start: {name}", "2.3", BIND, files=files, compare=LOGS))
    return [
        *found,
        Scenario("serve: wsgi_app in the file", "2.1", (), None, compare=LOGS, steps=(Get("/empty"),),
                 files={"gunicorn.conf.py": "wsgi_app = 'app:app'\n"}, settings=("wsgi_app",)),
        Scenario("serve: the command line before wsgi_app", "2.1", (), "app:factory('line')",
                 compare=LOGS, steps=(Get("/"),), files={"gunicorn.conf.py": "wsgi_app = 'app:app'\n"}),
        Scenario("serve: below chdir", "2.1", ("--chdir", "below"), "inner:app", compare=LOGS, steps=(Get("/"),),
                 files={"below/inner.py": "from app import app\n"}, settings=("chdir",)),
        Scenario("serve: on pythonpath", "2.1", ("--pythonpath", "lib, more"), "inner:app",
                 compare=LOGS, steps=(Get("/empty"),), files={"lib/inner.py": "from app import app\n"},
                 settings=("pythonpath",)),
        Scenario("serve: where it runs", "2.1", (), compare=LOGS, steps=(Get("/where"),)),
        Scenario("serve: where it runs, chdir", "2.1", ("--chdir", "below"), compare=LOGS, steps=(Get("/where"),),
                 files={"below/x": ""}),
    ]  # fmt: skip
