"""The state folded from messages is the state the messages describe."""

from adapters.contract import Channel
from gateway.fanout.envelope import Integrity, Kind
from gateway.fanout.fold import TRADES_KEPT, fold
from tests.gateway.fanout.frames import TICKER, TRADES, frame

OK = Integrity.OK


def test_a_book_is_its_snapshot_and_every_change_since() -> None:
    start = {"bids": [["9", "1"], ["8", "1"]], "asks": [["10", "1"]], "update_id": 4}
    change = {"bids": [["9", "0"], ["8.5", "2"]], "asks": [["11", "3"], ["9.75", "1"]], "update_id": 5}
    frames = [
        frame(Kind.SNAPSHOT, 1, data=start),
        frame(Kind.UPDATE, 2, data=change),
        frame(Kind.STATUS, 3, integrity=Integrity.RESYNCING),
    ]
    state = fold(Channel.ORDERBOOK, frames, Integrity.RESYNCING)
    assert state is not None
    assert state.data == {
        "bids": [("8.5", "2"), ("8", "1")],
        "asks": [("9.75", "1"), ("10", "1"), ("11", "3")],
        "update_id": 5,
    }
    assert (state.integrity, state.as_of_us, state.seq) == (Integrity.RESYNCING, 2, 3)


def test_trades_are_the_last_few() -> None:
    frames = [frame(Kind.SNAPSHOT, 1, topic=TRADES, data={"items": [{"trade_id": "0"}]})]
    frames += [
        frame(Kind.UPDATE, seq, topic=TRADES, data={"items": [{"trade_id": str(seq)}]})
        for seq in range(2, 2 + TRADES_KEPT)
    ]
    state = fold(Channel.TRADES, frames, OK)
    assert state is not None
    assert [item["trade_id"] for item in state.data["items"]] == [str(seq) for seq in range(2, 2 + TRADES_KEPT)]


def test_a_ticker_is_the_last_one() -> None:
    state = fold(Channel.TICKER, [frame(Kind.UPDATE, 3, topic=TICKER, data={"last_price": "5"})], OK)
    assert state is not None
    assert state.data == {"last_price": "5"}


def test_without_data_there_is_no_state() -> None:
    assert fold(Channel.TICKER, [frame(Kind.STATUS, 1)], OK) is None
