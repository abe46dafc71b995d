"""Backpack's streams that follow the clock or the venue itself: candles, marks, positions, liquidations."""

from decimal import Decimal
from typing import Any

import pytest

from tests.sandbox.backpack_desks import PERP, SPOT, limit, market, pin_mark, place
from tests.sandbox.backpack_schema.in_process import InProcess, Listener


def told(listener: Listener) -> list[dict[str, Any]]:
    """What came since the last look."""
    frames = [frame["data"] for frame in listener.frames]
    listener.frames.clear()
    return frames


def test_a_candle_is_told_when_it_changed_and_once_more_when_it_closes() -> None:
    venue = InProcess()
    listener = venue.listen(f"kline.1m.{SPOT}")
    venue.pass_time(1000)
    assert told(listener) == []
    place(venue, limit("Bid", "150.01", "0.5"))
    place(venue, limit("Bid", "150.01", "0.25"))
    venue.pass_time(1000)
    (changed,) = told(listener)
    assert changed | {"E": 0} == {
        "E": 0,
        "T": "2026-09-02T16:46:00",
        "X": False,
        "c": "150.01",
        "e": "kline",
        "h": "150.01",
        "l": "150.01",
        "n": 2,
        "o": "150.01",
        "s": SPOT,
        "t": "2026-09-02T16:45:00",
        "v": "0.75",
    }
    venue.pass_time(1000)
    assert told(listener) == []
    venue.pass_time(40_000)
    (closed,) = told(listener)
    assert closed | {"E": 0} == changed | {"E": 0, "X": True}


def test_a_candle_without_trades_closes_without_prices() -> None:
    venue = InProcess()
    listener = venue.listen(f"kline.1s.{SPOT}")
    venue.pass_time(1000)
    venue.pass_time(1000)
    (closed,) = told(listener)
    assert (closed["X"], closed["n"], closed["v"]) == (True, 0, "0")
    assert [closed[name] for name in "ohlc"] == [None] * 4


def test_a_trade_in_the_last_second_is_in_the_closing_frame() -> None:
    venue = InProcess()
    listener = venue.listen(f"kline.1s.{SPOT}")
    venue.pass_time(1000)
    place(venue, limit("Bid", "150.01", "0.5"))
    venue.pass_time(1000)
    (closed,) = told(listener)
    assert (closed["X"], closed["v"]) == (True, "0.5")


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        ("kline.7m.SOL_USDC", 4006),
        ("kline.1m.NO_SUCH", 4005),
        ("kline.SOL_USDC", 4006),
        ("stockPrice.MU.US", 4005),
        ("liquidation.SOL_USDC", 4006),
    ],
)
def test_streams_that_cannot_be_had(stream: str, code: int) -> None:
    (frame,) = InProcess().listen(stream).frames
    assert (frame["id"], frame["error"]["code"]) == (None, code)


def test_marks_tell_index_funding_and_when_it_is_due() -> None:
    venue = InProcess()
    listener = venue.listen(f"markPrice.{PERP}")
    engine = venue.world.simulation.engine
    engine.funding.pin(PERP, Decimal("0.0002"))
    engine.prices.pin_index(PERP, Decimal("149.5"))
    pin_mark(venue, "151")
    venue.pass_time(1000)
    (frame,) = told(listener)
    assert [frame[name] for name in "pif"] == ["151", "149.5", "0.0002"]
    assert frame["n"] == 1_788_368_400_000


def test_open_interest_comes_every_minute() -> None:
    venue = InProcess()
    listener = venue.listen(f"openInterest.{PERP}")
    place(venue, market("Bid", "2", PERP))
    venue.pass_time(59_000)
    assert told(listener) == []
    venue.pass_time(1000)
    (frame,) = told(listener)
    assert (frame["e"], frame["o"]) == ("openInterest", "2")


def test_a_position_is_told_again_when_its_mark_moved() -> None:
    venue = InProcess()
    pin_mark(venue, "150")
    listener = venue.listen("account.positionUpdate")
    place(venue, market("Bid", "2", PERP))
    assert told(listener)[0]["e"] == "positionOpened"
    venue.pass_time(1000)
    assert told(listener) == []
    pin_mark(venue, "155")
    venue.pass_time(1000)
    (moved,) = told(listener)
    assert (moved["e"], moved["M"], moved["q"], moved["n"]) == ("positionAdjusted", "155", "2", "310")
    venue.pass_time(1000)
    assert told(listener) == []


def test_a_liquidation_is_told_to_everybody_and_to_its_account() -> None:
    venue = InProcess()
    place(venue, market("Bid", "5", PERP), "desk-poor")
    place(venue, limit("Bid", "140", "1", PERP), "desk-poor")
    everybody = venue.listen("liquidation")
    poor = venue.listen("account.orderUpdate", "account.positionUpdate", desk="desk-poor")
    told(poor)
    pin_mark(venue, "100")
    (frame,) = told(everybody)
    assert (frame["e"], frame["S"], frame["q"], frame["s"]) == ("liquidation", "Ask", "5", PERP)
    frames = told(poor)
    assert (frames[0]["e"], frames[0]["R"], frames[0]["O"]) == ("orderExpired", "Liquidation", "USER")
    assert {frame["O"] for frame in frames if frame.get("e") in ("orderAccepted", "orderFill")} == {
        "LIQUIDATION_AUTOCLOSE"
    }
    assert frames[-1]["e"] == "positionClosed"


def test_a_reducing_order_shrinks_with_its_position() -> None:
    venue = InProcess()
    place(venue, market("Bid", "2", PERP))
    place(venue, limit("Ask", "160", "2", PERP, reduceOnly=True))
    listener = venue.listen("account.orderUpdate")
    place(venue, market("Ask", "0.5", PERP))
    modified = [frame for frame in told(listener) if frame["e"] == "orderModified"]
    assert [(frame["q"], frame["X"], frame["r"]) for frame in modified] == [("1.5", "New", True)]
