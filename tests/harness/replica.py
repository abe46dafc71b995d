"""`python -m tests.harness.replica`: imports the gateway once and forks a replica for each order on its input.

An order is a line of JSON, `{"fork": Birth}` or `{"poll": pid}`, answered by one: the pid, or the exit code or null.
What a replica runs is the gateway's own command line. All of them die with this process, and it with its parent.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from tests.harness import skew

skew.install()  # before the gateway is imported, parts of which keep the clock they find

import gateway.app  # noqa: E402 - what `serve` imports last is imported once for all
import gateway.server.run  # noqa: E402, F401
from gateway.cli.commands import app  # noqa: E402
from gateway.store.embedded import die_with_parent  # noqa: E402
from tests.harness.birth import Birth  # noqa: E402
from tests.harness.plants import PLANTS  # noqa: E402


def serve() -> None:
    """Until the input ends."""
    for line in sys.stdin:
        order = json.loads(line)
        sys.stdout.write(f"{json.dumps(_fork(order['fork']) if 'fork' in order else _poll(order['poll']))}\n")
        sys.stdout.flush()


def _poll(pid: int) -> int | None:
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def _fork(birth: Birth) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            die_with_parent(signal.SIGKILL)
            if os.getppid() == parent:
                _become_replica(birth)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:  # its last word, and none of this process's own business
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return pid


def _become_replica(birth: Birth) -> NoReturn:
    os.setsid()
    log = os.open(birth["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for number, target in enumerate((os.open(os.devnull, os.O_RDONLY), log, log)):
        os.dup2(target, number)
    os.environ.clear()
    os.environ.update(birth["env"])
    skew.follow(Path(birth["skew"]))
    for name in birth["plants"]:
        PLANTS[name]()
    sys.argv = ["crossgate", *birth["arguments"]]
    app()
    raise SystemExit(0)


if __name__ == "__main__":
    serve()
