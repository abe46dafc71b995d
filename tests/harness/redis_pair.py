"""The Redis of a fleet: a primary that keeps what it has answered, and a standby that copies it over a link."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.harness.fault_proxy import HOST, FaultProxy
from tests.harness.loop_thread import LoopThread
from tests.redis_process import RedisProcess

_ANSWER_S = 5.0
_SYNC_S = 10.0


class RedisPair:
    """Clients reach the primary, whichever of the two that is, through `fronts`, and never learn of a change."""

    def __init__(self, directory: Path, fronts: Sequence[FaultProxy], *, thread: LoopThread):
        self._primary, self._standby = (
            RedisProcess(directory / name, arguments=("--repl-diskless-sync-delay", "0")) for name in ("one", "two")
        )
        self._fronts = fronts
        self.link = FaultProxy(self._primary.path, thread=thread)
        """What the standby copies through."""
        self._exits = ExitStack()

    @property
    def pids(self) -> list[int]:
        """The primary's and the standby's."""
        return [self._primary.pid, self._standby.pid]

    @property
    def url(self) -> str:
        """The primary's, past all proxies."""
        return self._primary.url

    def ask(self, *command: str | int) -> Any:
        """A command to the primary, past all proxies."""
        return _ask(self._primary, *command)

    def kill(self) -> None:
        """`kill -9` the primary; nothing it has answered is lost."""
        self._primary.kill()
        for front in self._fronts:
            front.refuse()

    def start(self) -> None:
        """Start the primary again."""
        self._primary.start()
        self._face_clients()

    def pause(self) -> None:
        """SIGSTOP the primary."""
        self._primary.pause()

    def resume(self) -> None:
        self._primary.resume()

    def run_out_of_memory(self) -> None:
        """Writes are answered with OOM."""
        self.ask("CONFIG", "SET", "maxmemory", 1)

    def turn_read_only(self) -> None:
        """Writes are answered with READONLY, as by a primary that was demoted."""
        self.ask("REPLICAOF", HOST, 1)

    def flush(self) -> None:
        """Forget everything."""
        self.ask("FLUSHALL")

    def flush_scripts(self) -> None:
        """The next EVALSHA is answered with NOSCRIPT."""
        self.ask("SCRIPT", "FLUSH")

    def kill_subscribers(self) -> None:
        """Close all connections that listen to Pub/Sub."""
        self.ask("CLIENT", "KILL", "TYPE", "pubsub")

    def part(self) -> None:
        """From now on nothing is copied; what was written before has been."""
        self.wait_until_copied()
        self.link.refuse()

    def fail_over(self) -> None:
        """Kill the primary; the standby takes its place, without what was written since `part`."""
        self._primary.kill()
        self._primary, self._standby = self._standby, self._primary
        self.ask("REPLICAOF", "NO", "ONE")
        self._face_clients()

    def heal(self) -> None:
        """A primary that takes writes, and a standby that copies it."""
        for server in (self._primary, self._standby):
            if server.is_running:
                server.resume()
            else:
                server.start()
        self.ask("CONFIG", "SET", "maxmemory", 0)
        if self.ask("ROLE")[0] != b"master":
            self.ask("REPLICAOF", "NO", "ONE")
        self.link.retarget(self._primary.path)
        self.link.heal()
        if _ask(self._standby, "ROLE")[0] == b"master":
            _ask(self._standby, "REPLICAOF", HOST, self.link.port)
        self._face_clients()

    def wait_until_copied(self) -> None:
        """Until the standby has all the primary has. Raises `TimeoutError`."""
        give_up = time.monotonic() + _SYNC_S
        while time.monotonic() < give_up:
            written = self.ask("INFO", "replication")
            copied = _ask(self._standby, "INFO", "replication")
            if (
                copied["master_replid"] == written["master_replid"]
                and copied.get("master_link_status") == "up"
                and copied["slave_repl_offset"] >= written["master_repl_offset"]
            ):
                return
            time.sleep(0.005)
        raise TimeoutError(f"the standby has not caught up within {_SYNC_S:.0f} s")

    def __enter__(self) -> Self:
        with ExitStack() as exits:
            exits.enter_context(self.link)
            exits.enter_context(self._primary)
            exits.enter_context(self._standby)
            exits.callback(self._kill_both)  # told to end, a primary would wait for its standby
            self.heal()
            self._exits = exits.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exits.close()

    def _kill_both(self) -> None:
        for server in (self._primary, self._standby):
            if server.is_running:
                server.kill()

    def _face_clients(self) -> None:
        for front in self._fronts:
            front.retarget(self._primary.path)
            front.accept()


def _ask(server: RedisProcess, *command: str | int) -> Any:
    options = {"socket_timeout": _ANSWER_S, "retry": Retry(NoBackoff(), 0)}
    with redis.Redis.from_url(server.url, **options) as client:
        return client.execute_command(*command)
