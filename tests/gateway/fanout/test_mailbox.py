"""A mailbox stays within its bound, keeps what may not be lost, and tells what was."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gateway.fanout.envelope import Frame, Integrity, Kind
from gateway.fanout.mailbox import Mailbox, Subscription
from gateway.fanout.ring import Position, Ring, Verdict
from gateway.fanout.topic import Topic
from tests.gateway.fanout.frames import BOOK, TICKER, TRADES, frame

SNAPSHOT, UPDATE, STATUS = Kind.SNAPSHOT, Kind.UPDATE, Kind.STATUS


class Reader:
    """A mailbox and the rings behind it, moved as a hub would."""

    def __init__(self, limit: int = 10_000):
        self.wakes = 0
        self.mailbox = Mailbox(limit, self._wake)
        self.rings = {
            topic: Ring(keyed=topic is TICKER, frames_limit=1000, bytes_limit=10**6) for topic in (BOOK, TICKER, TRADES)
        }
        self.subscriptions: dict[Topic, Subscription] = {}

    def _wake(self) -> None:
        self.wakes += 1

    def join(self, topic: Topic, since: Position | None = None) -> None:
        self.subscriptions[topic] = self.mailbox.join(topic, self.rings[topic], since)

    def publish(self, topic: Topic, *frames: Frame) -> None:
        for each in frames:
            verdict = self.rings[topic].accept(each)
            if verdict is Verdict.GAP:
                trouble = frame(STATUS, each.seq, topic=topic, integrity=Integrity.RESYNCING)
                self.rings[topic].lose(trouble)
                self._offer(topic, trouble)
            elif verdict is Verdict.FORWARD:
                self._offer(topic, each)
            elif verdict is Verdict.REFRESHED and topic in self.subscriptions:
                self.subscriptions[topic].refreshed()

    def _offer(self, topic: Topic, message: Frame) -> None:
        if topic in self.subscriptions:
            self.subscriptions[topic].offer(message)

    def take(self, budget: int = 10**9) -> list[tuple[str, int | None]]:
        messages = [msgspec.json.decode(body) for body in self.mailbox.take(budget)]
        return [(each["type"], each.get("seq", each.get("from_seq"))) for each in messages]


def updates(first: int, last: int, topic: Topic = BOOK, padding: int = 0) -> list[Frame]:
    return [frame(UPDATE, seq, topic=topic, padding=padding) for seq in range(first, last + 1)]


def test_a_joiner_gets_a_snapshot_and_what_follows() -> None:
    reader = Reader()
    reader.publish(BOOK, frame(SNAPSHOT, 1), *updates(2, 3))
    reader.join(BOOK)
    reader.publish(BOOK, *updates(4, 4))
    assert reader.take() == [("snapshot", 1), ("update", 2), ("update", 3), ("update", 4)]
    reader.publish(BOOK, *updates(5, 5))
    assert reader.take() == [("update", 5)]
    assert reader.take() == []


def test_a_joiner_who_was_here_gets_what_it_missed() -> None:
    reader = Reader()
    reader.publish(BOOK, frame(SNAPSHOT, 1), *updates(2, 4))
    reader.join(BOOK, Position(1, 3))
    assert reader.take() == [("update", 4)]
    reader.join(BOOK, Position(0, 3))
    assert reader.take()[0] == ("snapshot", 1)


def test_a_joiner_waits_for_a_topic_that_is_not_live_and_hears_of_its_trouble() -> None:
    reader = Reader()
    reader.join(BOOK)
    assert reader.take() == []
    reader.publish(BOOK, frame(STATUS, 1, integrity=Integrity.RESYNCING))
    assert reader.take() == [("status", 1)]
    reader.publish(BOOK, frame(SNAPSHOT, 2))
    assert reader.take() == [("snapshot", 2)]


def test_a_slow_reader_gets_the_newest_ticker_and_the_book_anew() -> None:
    reader = Reader(2_000)
    reader.publish(BOOK, frame(SNAPSHOT, 1))
    reader.publish(TICKER, *updates(1, 1, TICKER))
    reader.join(BOOK)
    reader.join(TICKER)
    assert reader.take() == [("snapshot", 1), ("snapshot", 1)]
    for seq in range(2, 60):
        reader.publish(TICKER, *updates(seq, seq, TICKER))
        reader.publish(BOOK, *updates(seq, seq))
    reader.publish(BOOK, frame(SNAPSHOT, 59))
    reader.publish(BOOK, *updates(60, 60))
    taken = reader.take()
    assert ("snapshot", 59) in taken
    assert taken.count(("snapshot", 59)) == 2, "one book and one ticker"
    assert ("update", 60) in taken
    assert reader.mailbox.dropped["orderbook"] > 0


def test_trades_lose_their_oldest_and_say_which() -> None:
    reader = Reader(2_000)
    reader.publish(TRADES, frame(SNAPSHOT, 1, topic=TRADES))
    reader.join(TRADES)
    reader.take()
    reader.publish(TRADES, *updates(2, 50, TRADES))
    gap, *rest = [msgspec.json.decode(body) for body in reader.mailbox.take(10**9)]
    assert (gap["type"], gap["from_seq"], gap["to_seq"]) == ("gap", 2, rest[0]["seq"] - 1)
    assert [each["seq"] for each in rest] == list(range(rest[0]["seq"], 51))


def test_replies_are_never_dropped_and_too_many_overflow() -> None:
    reader = Reader(2_000)
    reader.publish(BOOK, frame(SNAPSHOT, 1))
    reader.join(BOOK)
    reader.take()
    reader.mailbox.reply(b'{"type":"pong"}')
    reader.publish(BOOK, *updates(2, 40))
    assert reader.take()[0] == ("pong", None)
    for _ in range(200):
        reader.mailbox.reply(b'{"type":"pong"}')
    assert reader.mailbox.overflowed


def test_nothing_of_a_topic_is_taken_after_leaving_it() -> None:
    reader = Reader()
    reader.publish(BOOK, frame(SNAPSHOT, 1))
    reader.join(BOOK)
    reader.take()
    reader.publish(BOOK, *updates(2, 3))
    reader.mailbox.leave(BOOK)
    reader.mailbox.reply(b'{"type":"unsubscribed"}')
    assert reader.take() == [("unsubscribed", None)]
    assert reader.mailbox.bytes_held == 0


def test_taking_stops_at_its_budget() -> None:
    reader = Reader()
    reader.publish(BOOK, frame(SNAPSHOT, 1))
    reader.join(BOOK)
    reader.take()
    reader.publish(BOOK, *updates(2, 4))
    assert reader.take(1) == [("update", 2)]
    assert reader.take() == [("update", 3), ("update", 4)]


steps = st.one_of(
    st.tuples(st.just("publish"), st.sampled_from([BOOK, TICKER, TRADES]), st.integers(0, 700)),
    st.tuples(st.just("snapshot"), st.sampled_from([BOOK, TRADES]), st.integers(0, 700)),
    st.tuples(st.just("skip"), st.sampled_from([BOOK, TRADES]), st.just(0)),
    st.tuples(st.just("join"), st.sampled_from([BOOK, TICKER, TRADES]), st.just(0)),
    st.tuples(st.just("reply"), st.just(BOOK), st.integers(0, 700)),
    st.tuples(st.just("take"), st.just(BOOK), st.integers(1, 2000)),
)


@given(st.lists(steps, max_size=80))
def test_it_never_holds_more_than_its_limit_and_never_hides_a_gap(moves: list[tuple[str, Topic, int]]) -> None:
    limit = 1000
    reader = Reader(limit)
    seqs = dict.fromkeys((BOOK, TICKER, TRADES), 1)
    for topic in seqs:
        reader.publish(topic, frame(SNAPSHOT, 1, topic=topic))
        reader.join(topic)
    positions: dict[str, int] = {}

    def check(bodies: list[bytes]) -> None:
        for message in map(msgspec.json.decode, bodies):
            channel = message.get("channel")
            if message["type"] == "gap":
                assert message["from_seq"] == positions[channel] + 1
                positions[channel] = message["to_seq"]
            elif message["type"] == "snapshot":
                positions[channel] = message["seq"]
            elif message["type"] == "update" and channel != "ticker":
                assert message["seq"] == positions[channel] + 1
                positions[channel] = message["seq"]

    for move, topic, size in moves:
        if move in ("publish", "snapshot"):
            seqs[topic] += 1
            kind = UPDATE if move == "publish" else SNAPSHOT
            reader.publish(topic, frame(kind, seqs[topic], topic=topic, padding=size))
        elif move == "skip":
            seqs[topic] += 1
        elif move == "join":
            reader.join(topic)
        elif move == "reply":
            reader.mailbox.reply(msgspec.json.encode({"type": "pong", "padding": "x" * size}))
        else:
            check(reader.mailbox.take(size))
        assert reader.mailbox.bytes_held <= limit
    check(reader.mailbox.take(10**9))
    assert reader.mailbox.bytes_held == 0
