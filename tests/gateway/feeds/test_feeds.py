"""Each channel's feed by itself: what it publishes, what it asks for, what it takes for stale."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from adapters.contract import Channel
from adapters.models import StreamEvent
from gateway.fanout.envelope import Frame
from gateway.feeds.book_feed import FIRST_AUDIT_US, FOLLOWS_WITHIN_US, BookFeed
from gateway.feeds.ticker_feed import SILENCE_US, TickerFeed
from gateway.feeds.trades_feed import TradesFeed
from gateway.feeds.writer import REPEAT_AFTER_FRAMES, Writer
from gateway.numbers import plain
from tests.gateway.feeds.fleet import BOOK, TICKER, TRADES
from tests.gateway.feeds.scripted import ScriptedVenue, delta, levels, market, snapshot, ticker, trade

START = snapshot(10, levels(("99", "1")), levels(("101", "1")))


def said(frames: list[Frame]) -> list[tuple[str, str, int]]:
    messages: list[dict[str, Any]] = [msgspec.json.decode(frame.body) for frame in frames]
    return [(each["type"], each["integrity"], each["seq"]) for each in messages]


def book_feed() -> BookFeed:
    feed = BookFeed(Writer(BOOK, 1), market(), ScriptedVenue().venue().capabilities)
    feed.connected(0)
    return feed


def live_book() -> BookFeed:
    feed = book_feed()
    assert said(feed.fetched(START, 0)) == [("snapshot", "ok", 1)]
    return feed


def test_a_book_asks_for_a_snapshot_and_publishes_what_it_kept() -> None:
    feed = book_feed()
    assert feed.need == "fetch"
    assert feed.event(delta(10), 0) == []
    (frame,) = feed.fetched(START, 0)
    assert msgspec.json.decode(frame.body)["data"]["update_id"] == 11
    assert feed.need == "nothing"


def test_a_snapshot_that_is_too_old_is_asked_for_again() -> None:
    feed = book_feed()
    feed.event(delta(12), 0)
    assert said(feed.fetched(START, 0)) == [("status", "resyncing", 1)]
    assert feed.need == "fetch"
    assert feed.fetched(START, 0) == [], "said once"


def test_a_crossed_book_is_given_up() -> None:
    feed = live_book()
    assert said(feed.event(delta(10, bids=levels(("101", "1"))), 0)) == [("status", "resyncing", 2)]
    assert feed.need == "fetch"


def test_a_repeated_snapshot_takes_no_number_and_is_due_after_many_updates() -> None:
    feed = live_book()
    published = 0
    while not feed.writer.repeat_due:
        feed.event(delta(10 + published, bids=levels(("98", "1"))), 0)
        published += 1
    assert 100 < published <= REPEAT_AFTER_FRAMES
    assert said(feed.repeat(0)) == [("snapshot", "ok", published + 1)]
    assert not feed.writer.repeat_due


def test_a_quiet_book_is_compared_with_the_venue_and_one_that_does_not_follow_is_subscribed_anew() -> None:
    feed = live_book()
    assert not feed.audit_due(FIRST_AUDIT_US - 1, 60_000_000)
    assert feed.audit_due(FIRST_AUDIT_US, 60_000_000), "no delta yet: the subscription is not proven"
    feed.auditing(FIRST_AUDIT_US)
    assert not feed.audit_due(2 * FIRST_AUDIT_US, 60_000_000)
    assert feed.audited(snapshot(12, START.bids, START.asks), 0) == []
    assert feed.tick(FOLLOWS_WITHIN_US - 1) == []
    assert said(feed.tick(FOLLOWS_WITHIN_US)) == [("status", "resyncing", 2)]
    assert feed.need == "resubscribe"
    feed.resubscribed()
    assert feed.need == "fetch"


def test_a_book_that_follows_after_all_is_left_alone() -> None:
    feed = live_book()
    feed.audited(snapshot(11, START.bids, START.asks), 0)
    feed.event(delta(10), 1)
    assert feed.tick(FOLLOWS_WITHIN_US) == []
    assert feed.need == "nothing"


def test_a_book_with_other_levels_than_the_venue_at_the_same_id_is_given_up() -> None:
    feed = live_book()
    assert feed.audited(START, 0) == []
    assert said(feed.audited(snapshot(10, levels(("99", "2")), START.asks), 0)) == [("status", "resyncing", 2)]


def test_a_ticker_is_stale_after_silence_and_fine_with_the_next_one() -> None:
    feed = TickerFeed(Writer(TICKER, 1), market())
    feed.connected(0)
    assert said(feed.fetched(ticker("5"), 0)) == [("snapshot", "ok", 1)]
    assert feed.tick(SILENCE_US - 1) == []
    assert said(feed.tick(SILENCE_US)) == [("status", "stale", 2)]
    assert feed.tick(SILENCE_US + 1) == []
    assert said(feed.event(ticker("6"), SILENCE_US + 2)) == [("update", "ok", 3)]


def test_the_stream_is_faster_than_the_fetch() -> None:
    feed = TickerFeed(Writer(TICKER, 1), market())
    feed.connected(0)
    feed.event(ticker("6"), 0)
    assert feed.fetched(ticker("5"), 0) == []


def test_trades_that_came_during_the_fetch_are_in_the_snapshot_once() -> None:
    feed = TradesFeed(Writer(TRADES, 1), market())
    feed.connected(0)
    for number in (3, 4):
        assert feed.event(trade(number), 0) == []
    (frame,) = feed.fetched([trade(3), trade(2), trade(1)], 0)
    assert [item["trade_id"] for item in msgspec.json.decode(frame.body)["data"]["items"]] == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    "feed",
    [
        BookFeed(Writer(BOOK, 1), market(), ScriptedVenue().venue().capabilities),
        TickerFeed(Writer(TICKER, 1), market()),
        TradesFeed(Writer(TRADES, 1), market()),
    ],
)
def test_a_disconnected_feed_says_so_once_and_tells_those_who_ask(feed: BookFeed | TickerFeed | TradesFeed) -> None:
    assert said(feed.disconnected(0)) == [("status", "resyncing", 1)]
    assert feed.disconnected(0) == []
    assert said(feed.repeat(0)) == [("status", "resyncing", 1)]
    foreign: dict[Channel, StreamEvent] = {Channel.TICKER: trade(1), Channel.TRADES: ticker("1")}
    assert feed.event(foreign.get(feed.writer.topic.channel, ticker("1")), 0) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [("1E-8", "0.00000001"), ("100", "100"), ("1E+3", "1000"), ("98.50", "98.5"), ("0.00", "0"), ("-0.0", "0")],
)
def test_a_value_is_written_in_one_way(value: str, text: str) -> None:
    assert plain(Decimal(value)) == text


def test_no_digit_is_lost() -> None:
    assert plain(Decimal("123456789012345678.123456789012345678")) == "123456789012345678.123456789012345678"
