"""Each thing the proxy can do, as the two sockets beside it see it."""

import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.harness.fault_proxy import HOST, Connections, FaultProxy
from tests.harness.faults import Delay, HalfOpen, Hold, Hole, Pass, Reset, Side, Slice, judge

_PATIENCE_S = 5
_SILENCE_S = 0.05

REQUEST = b"POST /api/v1/order?a=1 HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"


class Ends:
    """A proxy, and the sockets at both ends of connections through it."""

    def __init__(self, proxy: FaultProxy, listener: socket.socket):
        self.proxy = proxy
        self.listener = listener
        self._sockets: list[socket.socket] = []

    def dial(self) -> socket.socket:
        client = socket.create_connection((HOST, self.proxy.port), _PATIENCE_S)
        self._sockets.append(client)
        return client

    def answer(self) -> socket.socket:
        server, _ = self.listener.accept()
        server.settimeout(_PATIENCE_S)
        self._sockets.append(server)
        return server

    def joined(self) -> tuple[socket.socket, socket.socket]:
        return self.dial(), self.answer()

    def close(self) -> None:
        for each in self._sockets:
            each.close()


@pytest.fixture(scope="module")
def shared() -> Iterator[Ends]:
    with socket.create_server((HOST, 0)) as listener, FaultProxy(HOST, listener.getsockname()[1]) as proxy:
        listener.settimeout(_PATIENCE_S)
        yield Ends(proxy, listener)


@pytest.fixture
def ends(shared: Ends) -> Iterator[Ends]:
    yield shared
    shared.proxy.cut()
    shared.proxy.heal()
    shared.close()
    shared.proxy.retarget(HOST, shared.listener.getsockname()[1])


def read(connection: socket.socket, number: int) -> bytes:
    received = b""
    while len(received) < number:
        chunk = connection.recv(number - len(received))
        assert chunk, "the connection has ended"
        received += chunk
    return received


def taken(connection: socket.socket, data: bytes) -> int:
    """How much of it the connection takes within its timeout."""
    try:
        return connection.send(data)
    except TimeoutError:
        return 0


def is_silent(connection: socket.socket) -> bool:
    """Open, with nothing to read."""
    connection.settimeout(_SILENCE_S)
    try:
        connection.recv(1)
    except TimeoutError:
        return True
    finally:
        connection.settimeout(_PATIENCE_S)
    return False


def is_reset(connection: socket.socket) -> bool:
    try:
        connection.recv(1)
    except ConnectionResetError:
        return True
    return False


def test_bytes_and_ends_pass_in_both_directions(ends: Ends) -> None:
    before = ends.proxy.counts
    client, server = ends.joined()
    client.sendall(b"question")
    client.shutdown(socket.SHUT_WR)
    assert read(server, 8) == b"question"
    assert server.recv(1) == b""
    server.sendall(b"answer")
    assert read(client, 6) == b"answer", "one direction outlives the other"
    server.close()
    assert client.recv(1) == b""
    counts = ends.proxy.counts
    assert counts.accepted == before.accepted + 1
    assert counts.bytes_to_server == before.bytes_to_server + 8
    assert counts.bytes_to_client == before.bytes_to_client + 6


def test_a_reset_passes_as_a_reset(ends: Ends) -> None:
    client, server = ends.joined()
    client.sendall(b"unread")
    assert server.recv(1) == b"u"
    server.close()  # with bytes unread, which is RST
    assert is_reset(client)


def test_bytes_are_delayed_and_keep_their_order(ends: Ends) -> None:
    ends.proxy.set(to_server=Delay(0.05, jitter_s=0.05))
    client, server = ends.joined()
    sent_s = time.monotonic()
    for number in range(50):
        client.sendall(bytes([number]))
    assert read(server, 50) == bytes(range(50))
    assert time.monotonic() - sent_s >= 0.05
    server.sendall(b"at once")
    assert read(client, 7) == b"at once"


def test_a_hole_swallows_one_direction_and_keeps_the_connection(ends: Ends) -> None:
    client, server = ends.joined()
    ends.proxy.set(to_client=Hole())
    client.sendall(b"question")
    assert read(server, 8) == b"question"
    server.sendall(b"answer")
    assert is_silent(client)
    server.close()
    assert client.recv(1) == b""


def test_a_stream_with_a_gap_never_goes_on(ends: Ends) -> None:
    client, server = ends.joined()
    ends.proxy.set(to_server=Hole())
    client.sendall(b"lost")
    assert is_silent(server)
    ends.proxy.set(to_server=Pass())
    assert is_reset(client)
    assert is_reset(server)


def test_what_is_held_arrives_when_it_may(ends: Ends) -> None:
    client, server = ends.joined()
    ends.proxy.set(to_server=Hold())
    client.sendall(b"late")
    assert is_silent(server)
    ends.proxy.set(to_server=Pass())
    assert read(server, 4) == b"late"


def test_a_held_direction_slows_its_sender(ends: Ends) -> None:
    client, server = ends.joined()
    ends.proxy.set(to_server=Hold())
    client.settimeout(0.2)
    sent = 0
    while some := taken(client, b"x" * 65536):
        sent += some
        assert sent < 64 << 20, "it is taken without end"
    ends.proxy.set(to_server=Pass())
    assert read(server, sent) == b"x" * sent


@pytest.mark.parametrize("is_abrupt", [False, True])
def test_half_open_hides_the_end_of_one_side_from_the_other(ends: Ends, is_abrupt: bool) -> None:
    client, server = ends.joined()
    ends.proxy.set(to_server=HalfOpen(), to_client=HalfOpen())
    if is_abrupt:
        server.sendall(b"unread")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    assert is_silent(server)
    server.sendall(b"still there?")
    assert is_silent(server)
    ends.proxy.heal()
    assert is_reset(server)


def test_bytes_arrive_in_small_pieces(ends: Ends) -> None:
    ends.proxy.set(to_client=Slice(3, pause_s=0.01))
    client, server = ends.joined()
    server.sendall(b"0123456789")
    pieces: list[bytes] = []
    while len(b"".join(pieces)) < 10:
        pieces.append(client.recv(100))
    assert b"".join(pieces) == b"0123456789"
    assert len(pieces) > 1


def test_a_connection_is_reset_after_so_many_bytes(ends: Ends) -> None:
    ends.proxy.set(to_server=Reset(after_bytes=5))
    client, server = ends.joined()
    client.sendall(b"abc")
    assert read(server, 3) == b"abc"
    client.sendall(b"defgh")
    assert read(server, 2) == b"de"
    assert is_reset(server)
    assert is_reset(client)


def test_a_reset_of_one_side_leaves_the_other_in_the_dark(ends: Ends) -> None:
    client, server = ends.joined()
    ends.proxy.set(to_server=Reset(side=Side.CLIENT))
    client.sendall(b"x")
    assert is_reset(client)
    assert is_silent(server)


def test_while_down_connections_are_refused_and_open_ones_reset(ends: Ends) -> None:
    client, server = ends.joined()
    ends.proxy.refuse()
    assert is_reset(client)
    assert is_reset(server)
    with pytest.raises(ConnectionRefusedError):
        ends.dial()
    ends.proxy.accept()
    ends.joined()


def test_open_connections_are_cut_and_new_ones_welcome(ends: Ends) -> None:
    client, server = ends.joined()
    ends.proxy.cut()
    assert is_reset(client)
    assert is_reset(server)
    ends.joined()


def test_a_fault_is_set_for_open_or_for_new_connections_alone(ends: Ends) -> None:
    old_client, old_server = ends.joined()
    ends.proxy.set(to_server=Hold(), on=Connections.OPEN)
    new_client, new_server = ends.joined()
    new_client.sendall(b"new")
    assert read(new_server, 3) == b"new"
    old_client.sendall(b"old")
    assert is_silent(old_server)
    ends.proxy.heal()
    ends.proxy.set(to_server=Hold(), on=Connections.NEW)
    assert read(old_server, 3) == b"old"
    new_client, new_server = ends.joined()
    new_client.sendall(b"new")
    assert is_silent(new_server)


def test_a_server_that_is_not_there_is_a_reset(ends: Ends) -> None:
    with socket.socket() as nobody:
        nobody.bind((HOST, 0))
        ends.proxy.retarget(HOST, nobody.getsockname()[1])
        with pytest.raises(ConnectionResetError):
            ends.dial().recv(1)


def test_new_connections_go_where_the_proxy_is_pointed(ends: Ends, tmp_path: Path) -> None:
    client, server = ends.joined()
    path = str(tmp_path / "socket")
    with closing(socket.socket(socket.AF_UNIX)) as elsewhere:
        elsewhere.bind(path)
        elsewhere.listen()
        ends.proxy.retarget(path)
        moved = ends.dial()
        moved.sendall(b"unix")
        accepted, _ = elsewhere.accept()
        with accepted:
            assert read(accepted, 4) == b"unix"
            accepted.sendall(b"back")
            assert read(moved, 4) == b"back"
    client.sendall(b"stays")
    assert read(server, 5) == b"stays"


def test_a_request_is_sent_twice_and_answered_once(ends: Ends) -> None:
    ends.proxy.replay("POST", "/api/v1/order")
    client, server = ends.joined()
    client.sendall(b"GET /api/v1/order HTTP/1.1\r\n\r\n")
    assert read(server, 30).startswith(b"GET ")
    client.sendall(REQUEST[:-5])
    client.sendall(REQUEST[-5:])
    copy = ends.answer()
    assert read(copy, len(REQUEST)) == REQUEST
    assert is_silent(server), "the copy is answered first"
    copy.sendall(ANSWER + b"1")
    assert read(server, len(REQUEST)) == REQUEST
    server.sendall(ANSWER + b"2")
    assert read(client, len(ANSWER) + 1) == ANSWER + b"2"
    client.sendall(REQUEST)
    assert read(server, len(REQUEST)) == REQUEST
    assert is_silent(client)
    assert ends.proxy.counts.replayed == 1


async def test_it_serves_async_tests_and_leaves_nothing_behind() -> None:
    threads = set(threading.enumerate())
    with socket.create_server((HOST, 0)) as listener:
        async with FaultProxy(HOST, listener.getsockname()[1]) as proxy:
            client = socket.create_connection((HOST, proxy.port), _PATIENCE_S)
            server, _ = listener.accept()
            server.settimeout(_PATIENCE_S)
            client.sendall(b"x")
            assert read(server, 1) == b"x"
    with client, server:
        assert is_reset(client)
        assert is_reset(server)
    assert set(threading.enumerate()) == threads
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, proxy.port), _PATIENCE_S)


def test_jitter_is_the_same_for_the_same_seed() -> None:
    delays = [judge(Delay(1, 2), b"x", passed_bytes=0, jitter=random.Random(3)).delay_s for _ in range(2)]
    assert delays[0] == delays[1]
    assert 1 < delays[0] < 3
