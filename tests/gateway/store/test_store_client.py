import asyncio
import time
from contextlib import suppress
from uuid import uuid4

import pytest
from redis.exceptions import ResponseError

from gateway.errors import StoreUnavailable
from gateway.store.client import Store
from gateway.store.scripts import Script
from gateway.store.wire import Call, Wire
from tests.redis_process import RedisProcess, eventually

ECHO = Script("echo", "return {KEYS[1], ARGV[1]}")
WRITE = Script("write", "return redis.call('INCR', KEYS[1])")


def fresh(name: str) -> str:
    return f"{name}:{uuid4().hex}"


async def test_runs_scripts_and_commands(store: Store) -> None:
    assert await store.run(ECHO, ["k"], [7]) == [b"k", b"7"]
    assert await store.command("SET", fresh("a"), "b") == b"OK"
    assert abs(await store.time_us() - time.time_ns() // 1000) < 5_000_000
    assert store.is_up
    assert store.latency_s is not None


async def test_calls_of_one_turn_leave_as_one_pipeline_in_order(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[int] = []
    send = Wire.send

    def count(wire: Wire, calls: list[Call]) -> None:
        batches.append(len(calls))
        send(wire, calls)

    monkeypatch.setattr(Wire, "send", count)
    key = fresh("order")
    await store.run(WRITE, [fresh("known from now on")])
    batches.clear()
    replies = [store.run(WRITE, [key]) if i % 2 else store.command("INCR", key) for i in range(100)]
    assert [await reply for reply in replies] == list(range(1, 101))
    assert batches[0] == 100


async def test_a_failed_call_fails_alone(store: Store) -> None:
    good, bad, also_good = store.command("PING"), store.command("INCRBY", fresh("n"), "x"), store.run(ECHO, ["k"], [1])
    assert await good == b"PONG"
    with pytest.raises(ResponseError, match="not an integer"):
        await bad
    assert await also_good == [b"k", b"1"]


async def test_a_script_redis_does_not_have_runs_exactly_once(store: Store) -> None:
    key, script = fresh("once"), Script("new", f"-- {uuid4().hex}\nreturn redis.call('INCR', KEYS[1])")
    assert await asyncio.gather(*(store.run(script, [key]) for _ in range(10))) == list(range(1, 11))
    await store.command("SCRIPT", "FLUSH")
    store.send(script, [key])
    assert await store.run(script, [key]) == 12


async def test_a_caller_that_left_disturbs_nobody(store: Store) -> None:
    key = fresh("left")
    left, stayed = store.command("INCR", key), store.command("INCR", key)
    left.cancel()
    assert await stayed == 2


async def test_what_nobody_waits_for_is_carried_out_before_the_store_closes(shared_redis: RedisProcess) -> None:
    key = fresh("sent")
    async with Store.open(shared_redis.url) as store:
        store.send(WRITE, [key])
    async with Store.open(shared_redis.url) as store:
        assert await store.command("GET", key) == b"1"
    with pytest.raises(StoreUnavailable):
        await store.command("PING")


async def test_no_server_means_nothing_ran(own_redis: RedisProcess) -> None:
    own_redis.kill()
    async with Store.open(own_redis.url) as store:
        assert not store.is_up
        with pytest.raises(StoreUnavailable) as caught:
            await store.command("PING")
        assert not caught.value.may_have_run
        own_redis.start()
        await until_up(store)
        assert await store.command("PING") == b"PONG"


async def test_a_silent_server_fails_all_calls_in_time_and_they_may_have_run(own_redis: RedisProcess) -> None:
    async with Store.open(own_redis.url, timeout_s=0.1) as store:
        own_redis.pause()
        started = time.monotonic()
        results = await asyncio.gather(*(store.command("PING") for _ in range(20)), return_exceptions=True)
        assert time.monotonic() - started < 0.5
        assert all(isinstance(result, StoreUnavailable) and result.may_have_run for result in results)
        assert not store.is_up
        with pytest.raises(StoreUnavailable) as caught:
            await store.command("PING")
        assert not caught.value.may_have_run
        own_redis.resume()
        await until_up(store)


async def test_a_server_that_dies_fails_its_calls_and_the_next_call_opens_a_connection(own_redis: RedisProcess) -> None:
    async with Store.open(own_redis.url) as store:
        own_redis.pause()
        in_flight = store.command("PING")
        await asyncio.sleep(0)  # it is written in this turn
        own_redis.kill()
        with pytest.raises(StoreUnavailable) as caught:
            await in_flight
        assert caught.value.may_have_run
        own_redis.start()
        assert await store.command("PING") == b"PONG"


async def test_a_full_server_refused_before_it_wrote(own_redis: RedisProcess) -> None:
    async with Store.open(own_redis.url) as store:
        await store.command("CONFIG", "SET", "maxmemory", 1)
        with pytest.raises(StoreUnavailable, match="OOM") as caught:
            await store.run(WRITE, ["k"])
        assert not caught.value.may_have_run
        assert await store.command("PING") == b"PONG"


async def test_a_replica_refused_before_it_wrote(own_redis: RedisProcess) -> None:
    async with Store.open(own_redis.url) as store:
        await store.command("REPLICAOF", "127.0.0.1", 1)
        with pytest.raises(StoreUnavailable, match="READONLY") as caught:
            await store.run(WRITE, ["k"])
        assert not caught.value.may_have_run


async def test_a_server_that_lacks_its_replicas_refused_before_it_wrote(own_redis: RedisProcess) -> None:
    async with Store.open(own_redis.url) as store:
        await store.command("CONFIG", "SET", "min-replicas-to-write", 1)
        with pytest.raises(StoreUnavailable, match="NOREPLICAS") as caught:
            await store.run(WRITE, ["k"])
        assert not caught.value.may_have_run


async def test_a_server_busy_with_a_script_refused_and_goes_on_when_that_is_over(own_redis: RedisProcess) -> None:
    async with Store.open(own_redis.url, timeout_s=0.2) as store, Store.open(own_redis.url) as other:
        await store.command("CONFIG", "SET", "busy-reply-threshold", 1)
        endless = store.run(Script("endless", "while true do end"), ["k"])
        with pytest.raises(StoreUnavailable) as caught:
            await endless
        assert caught.value.may_have_run
        with pytest.raises(StoreUnavailable, match="BUSY") as caught:
            await other.run(WRITE, ["k"])
        assert not caught.value.may_have_run
        await other.command("SCRIPT", "KILL")

        async def is_over() -> bool:
            with suppress(StoreUnavailable):
                return bool(await other.run(WRITE, ["k"]) == 1)
            return False

        await eventually(is_over)


async def test_a_replica_that_lost_its_primary_refused_even_to_read(own_redis: RedisProcess) -> None:
    """Else a record that is there would count as absent."""
    async with Store.open(own_redis.url) as store:
        await store.command("CONFIG", "SET", "replica-serve-stale-data", "no")
        await store.command("REPLICAOF", "127.0.0.1", 1)
        with pytest.raises(StoreUnavailable, match="MASTERDOWN") as caught:
            await store.command("HGETALL", "k")
        assert not caught.value.may_have_run


async def test_a_password_is_changed_without_a_gap_while_both_are_good() -> None:
    with RedisProcess(tcp=True) as redis:
        async with Store.open(redis.url) as store:
            await store.command("ACL", "SETUSER", "gateway", "on", "~*", "+@all", ">before", ">after")

            def url(password: str) -> str:
                return redis.url.replace("//", f"//gateway:{password}@")

            async with Store.open(url("before")) as before, Store.open(url("after")) as after:
                assert [await one.command("PING") for one in (before, after)] == [b"PONG"] * 2
                await store.command("ACL", "SETUSER", "gateway", "<before", "-incr")
                with pytest.raises(StoreUnavailable, match="NOPERM") as caught:
                    await after.command("INCR", "k")
                assert not caught.value.may_have_run
            async with Store.open(url("before")) as late:
                assert not late.is_up
                with pytest.raises(StoreUnavailable, match="WRONGPASS") as caught:
                    await late.command("PING")
                assert not caught.value.may_have_run


async def test_logs_in_and_selects_the_database_of_the_url() -> None:
    with RedisProcess(tcp=True) as redis:
        async with Store.open(redis.url) as store:
            await store.command("CONFIG", "SET", "requirepass", "secret")
        async with Store.open(redis.url) as store:
            assert not store.is_up
        async with Store.open(redis.url.replace("//", "//:secret@").replace("/0", "/3")) as store:
            await store.command("SET", "k", 1)
            assert b"db3:keys=1" in await store.command("INFO", "keyspace")


async def test_a_subscriber_has_a_connection_of_its_own(store: Store) -> None:
    channel = fresh("channel")
    async with store.subscriber() as pubsub:
        await pubsub.subscribe(channel)
        message = await anext(pubsub.listen())
        assert message["type"] == "subscribe"
        await store.command("PUBLISH", channel, "hello")
        message = await anext(pubsub.listen())
        assert message["data"] == b"hello"


async def test_a_url_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="scheme"):
        async with Store.open("http://localhost"):
            pass


async def until_up(store: Store) -> None:
    came = asyncio.Event()
    store.watch(came.set)
    async with asyncio.timeout(5):
        while not store.is_up:
            await came.wait()
            came.clear()
