"""Replicas on one Redis: one subscription upstream, the same bytes for every client, and nothing missed in silence."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from adapters.contract import Channel
from gateway.fanout.envelope import Integrity
from gateway.fanout.fold import TopicState
from gateway.fanout.ring import Position
from gateway.feeds import MarketFeeds
from gateway.feeds.lease import Term
from gateway.store.client import Store
from tests.gateway.feeds.fleet import BOOK, QUICK, TICKER, TRADES, ClientBook, Reader, eventually, replica
from tests.gateway.feeds.scripted import SYMBOL, ScriptedVenue, levels, ticker, trade
from tests.redis_process import RedisProcess


def state_of(feeds: MarketFeeds) -> TopicState:
    state = feeds.hub.snapshot(BOOK)
    assert state is not None
    return state


UPSTREAM = (Channel.ORDERBOOK, SYMBOL)


async def test_a_book_topic_starts_with_a_snapshot_and_follows(
    store: Store, feed_redis: RedisProcess, script: ScriptedVenue
) -> None:
    async with replica(feed_redis.url, script, "a") as feeds:
        reader = Reader(feeds).subscribe(BOOK)
        first = await reader.next()
        assert (first["type"], first["integrity"], first["channel"]) == ("snapshot", "ok", "orderbook")
        assert first["data"]["bids"] == [["99", "1"], ["98", "2"]]
        script.change_book(bids=levels(("99", "0"), ("98.50", "3.10")))
        second = await reader.next()
        assert (second["type"], second["seq"], second["epoch"]) == ("update", first["seq"] + 1, first["epoch"])
        assert second["data"] == {"bids": [["99", "0"], ["98.5", "3.1"]], "asks": [], "update_id": 11}


async def test_trades_start_with_the_last_twenty_and_each_comes_once(
    store: Store, feed_redis: RedisProcess, script: ScriptedVenue
) -> None:
    async with replica(feed_redis.url, script, "a") as feeds:
        reader = Reader(feeds).subscribe(TRADES)
        first = await reader.next()
        assert [item["trade_id"] for item in first["data"]["items"]] == [str(number) for number in range(11, 31)]
        for number in (30, 31, 31, 32):
            script.send(trade(number), Channel.TRADES)
        assert [(await reader.next())["data"]["items"][0]["trade_id"] for _ in range(2)] == ["31", "32"]
        joiner = Reader(feeds).subscribe(TRADES)
        assert [(await joiner.next())["type"] for _ in range(3)] == ["snapshot", "update", "update"]


async def test_a_ticker_joiner_gets_the_last_one_as_a_snapshot(
    store: Store, feed_redis: RedisProcess, script: ScriptedVenue
) -> None:
    async with replica(feed_redis.url, script, "a") as feeds:
        reader = Reader(feeds).subscribe(TICKER)
        assert (await reader.next())["data"]["last_price"] == "100"
        script.send(ticker("101.50"), Channel.TICKER)
        assert (await reader.next())["type"] == "update"
        joined = await Reader(feeds).subscribe(TICKER).next()
        assert (joined["type"], joined["data"]["last_price"]) == ("snapshot", "101.5")


async def test_two_replicas_share_one_subscription_and_their_clients_get_the_same_bytes(
    store: Store, feed_redis: RedisProcess, script: ScriptedVenue
) -> None:
    async with replica(feed_redis.url, script, "a") as a, replica(feed_redis.url, script, "b") as b:
        readers = [Reader(feeds).subscribe(BOOK) for feeds in (a, b, a, b)]
        for reader in readers:
            await reader.until("snapshot")
        for number in range(1, 40):
            script.change_book(bids=levels(("98", str(number))))
        for reader in readers:
            await reader.until("update", seq=40)
        updates = [reader.raw[-39:] for reader in readers]
        assert updates[0] == updates[1] == updates[2] == updates[3]
        assert script.most_subscriptions[UPSTREAM] == 1
        assert len(script.streams) == 1
        for reader in readers:
            reader.feeds.hub.unsubscribe(BOOK, reader.mailbox)
        await eventually(lambda: script.open_subscriptions[UPSTREAM] == 0, "the last reader's leave reaches the venue")


async def test_a_missed_delta_is_announced_and_repaired(
    store: Store, feed_redis: RedisProcess, script: ScriptedVenue
) -> None:
    async with replica(feed_redis.url, script, "a") as feeds:
        reader, book = Reader(feeds).subscribe(BOOK), ClientBook()
        book.apply(await reader.next())
        script.change_book(bids=levels(("98", "7")), send=False)
        script.change_book(asks=levels(("101", "7")))
        status = await reader.next()
        assert (status["type"], status["integrity"], status["data"]) == ("status", "resyncing", None)
        book.apply(await reader.until("snapshot"))
        assert book.sides == {"bids": {"99": "1", "98": "7"}, "asks": {"101": "7", "102": "2"}}
        script.change_book(bids=levels(("98", "8")))
        book.apply(await reader.next())
        assert book.update_id == script.books[SYMBOL].update_id


async def test_a_lost_connection_makes_every_topic_resync(
    store: Store, feed_redis: RedisProcess, script: ScriptedVenue
) -> None:
    async with replica(feed_redis.url, script, "a") as feeds:
        readers = [Reader(feeds).subscribe(topic) for topic in (BOOK, TRADES, TICKER)]
        for reader in readers:
            await reader.until("snapshot")
        script.disconnect()
        for reader in readers:
            assert (await reader.next())["integrity"] == "resyncing"
        assert feeds.hub.unsound() == {(topic.venue, topic.channel): 1 for topic in (BOOK, TRADES, TICKER)}
        late = await Reader(feeds).subscribe(BOOK).until("status")
        assert late["integrity"] == "resyncing"
        assert state_of(feeds).integrity is Integrity.RESYNCING
        script.change_book(bids=levels(("98", "5")), send=False)
        script.connect()
        for reader in readers:
            message = await reader.next()
            assert (message["type"], message["integrity"]) == ("snapshot", "ok")
        await eventually(lambda: state_of(feeds).integrity is Integrity.OK)
        assert not feeds.hub.unsound()


async def test_a_venue_that_does_not_answer_is_said_to_a_joiner(
    store: Store, feed_redis: RedisProcess, script: ScriptedVenue
) -> None:
    script.rest_is_down = True
    async with replica(feed_redis.url, script, "a") as feeds:
        reader = Reader(feeds).subscribe(BOOK)
        assert (await reader.next())["integrity"] == "resyncing"
        script.rest_is_down = False
        assert (await reader.next())["type"] == "snapshot"


async def test_an_owner_that_leaves_hands_over_and_one_that_dies_is_replaced(
    store: Store, feed_redis: RedisProcess, script: ScriptedVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with AsyncExitStack() as fleet:
        owner = AsyncExitStack()
        await fleet.enter_async_context(owner)
        first = await owner.enter_async_context(replica(feed_redis.url, script, "first", QUICK))
        await eventually(lambda: first.state().venues[script.name].owner == "first")
        second = await fleet.enter_async_context(replica(feed_redis.url, script, "second", QUICK))
        reader = Reader(second).subscribe(BOOK)
        before = await reader.until("snapshot")

        async def not_released(_: Term) -> None:
            """As when the process is killed."""

        monkeypatch.setattr(Term, "release", not_released)
        script.change_book(bids=levels(("98", "5")), send=False)
        await owner.aclose()
        assert (await reader.next())["integrity"] == "resyncing"
        after = await reader.until("snapshot")
        assert after["epoch"] > before["epoch"]
        assert after["data"]["bids"][1] == ["98", "5"]
        assert second.state().venues[script.name].owner == "second"
        assert script.most_subscriptions[UPSTREAM] == 1


async def test_a_replica_that_hands_over_goes_on_reading_what_the_next_owner_publishes(
    store: Store, feed_redis: RedisProcess, script: ScriptedVenue
) -> None:
    async with replica(feed_redis.url, script, "first", QUICK) as first:
        before = await Reader(first).subscribe(BOOK).until("snapshot")
        async with replica(feed_redis.url, script, "second", QUICK) as second:
            await first.hand_over()
            await eventually(lambda: second.state().venues[script.name].owner == "second")
            reader = Reader(first).subscribe(BOOK)
            while (after := await reader.until("snapshot"))["epoch"] == before["epoch"]:
                pass
            script.change_book(bids=levels(("98", "5")))
            assert (await reader.until("update"))["epoch"] == after["epoch"]
            assert first.state().venues[script.name].owner == "second"


async def test_a_reader_that_was_away_gets_what_it_missed_or_a_snapshot(
    store: Store, feed_redis: RedisProcess, script: ScriptedVenue
) -> None:
    async with replica(feed_redis.url, script, "a") as feeds:
        stays = Reader(feeds).subscribe(BOOK)
        first = await stays.next()
        for number in range(3):
            script.change_book(bids=levels(("98", str(number + 5))))
        await stays.until("update", seq=first["seq"] + 3)
        back = Reader(feeds).subscribe(BOOK, Position(first["epoch"], first["seq"] + 1))
        assert [(await back.next())["seq"] for _ in range(2)] == [first["seq"] + 2, first["seq"] + 3]
        assert (await Reader(feeds).subscribe(BOOK, Position(first["epoch"], 99)).next())["type"] == "snapshot"


async def test_rest_reads_are_served_from_memory(store: Store, feed_redis: RedisProcess, script: ScriptedVenue) -> None:
    async with replica(feed_redis.url, script, "a") as feeds:
        assert feeds.hub.snapshot(BOOK) is None
        state = await feeds.hub.ensure(BOOK, 1.0)
        assert state is not None
        assert (state.data["update_id"], state.integrity) == (10, Integrity.OK)
        script.change_book(bids=levels(("98.5", "5")))
        await eventually(lambda: state_of(feeds).data["update_id"] == 11)
        assert state_of(feeds).data["bids"] == [("99", "1"), ("98.5", "5"), ("98", "2")]
        await eventually(lambda: feeds.hub.snapshot(BOOK) is None, "nobody reads it any more")


async def test_a_topic_that_cannot_come_is_not_waited_for(
    store: Store, feed_redis: RedisProcess, script: ScriptedVenue
) -> None:
    script.rest_is_down = True
    async with replica(feed_redis.url, script, "a") as feeds:
        assert await feeds.hub.ensure(BOOK, 0.2) is None


async def test_a_dropped_redis_connection_is_a_gap_for_every_topic(
    store: Store, feed_redis: RedisProcess, script: ScriptedVenue
) -> None:
    async with replica(feed_redis.url, script, "a") as feeds:
        reader, book = Reader(feeds).subscribe(BOOK), ClientBook()
        book.apply(await reader.next())
        await store.command("CLIENT", "KILL", "TYPE", "pubsub")
        script.change_book(bids=levels(("98", "5")))
        assert (await reader.until("status"))["integrity"] == "resyncing"
        book.apply(await reader.until("snapshot"))
        script.change_book(bids=levels(("98", "6")))
        while book.update_id < 12:
            book.apply(await reader.next())
        assert book.sides["bids"] == {"99": "1", "98": "6"}


async def test_redis_restarting_without_its_data_is_survived(script: ScriptedVenue) -> None:
    with RedisProcess() as redis:
        async with replica(redis.url, script, "a") as feeds:
            reader, book = Reader(feeds).subscribe(BOOK), ClientBook()
            first = await reader.next()
            redis.kill()
            redis.start()
            script.change_book(bids=levels(("98", "5")))
            book.apply(await reader.until("snapshot", integrity="ok"))
            while book.update_id < 11:
                book.apply(await reader.next())
            assert book.position is not None
            assert book.position[0] >= first["epoch"]
            assert book.sides["bids"] == {"99": "1", "98": "5"}


async def test_everything_ends_with_its_block(store: Store, feed_redis: RedisProcess, script: ScriptedVenue) -> None:
    before = asyncio.all_tasks()
    async with replica(feed_redis.url, script, "a") as feeds:
        await Reader(feeds).subscribe(BOOK).until("snapshot")
        assert isinstance(feeds, MarketFeeds)
        assert all(loop.is_running for loop in feeds.state().loops.values())
    assert asyncio.all_tasks() == before
    assert script.streams == []
    assert await store.command("EXISTS", "cg:{scripted}:feed:lease") == 0
