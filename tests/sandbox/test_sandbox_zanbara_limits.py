"""Zanbara's request limits: by address and by key at once, what a refusal costs, and what the headers say."""

from collections.abc import Sequence
from dataclasses import replace

import httpx
import pytest

from sandbox.config import Counting, LimitConfig, SandboxConfig, ZanbaraConfig
from sandbox.zanbara.limits import LIMITS, RequestClass, multiplier
from tests.sandbox.zanbara_desks import LIMIT, Venue, refusal, venue

PRODUCTION = SandboxConfig(venue="zanbara", makers=False)


def limited(**limits: int) -> SandboxConfig:
    """Production with these limits changed."""
    return replace(PRODUCTION, limits=LimitConfig(limits=LIMITS.limits | limits))


def told(answer: httpx.Response) -> tuple[int, int, int]:
    """What the headers say of limit, remaining and reset (seconds)."""
    limit, remaining, reset = (answer.headers[f"x-ratelimit-{name}"] for name in ("limit", "remaining", "reset"))
    return int(limit), int(remaining), int(reset)


async def logged_in(v: Venue, *names: str) -> None:
    for name in names:
        await v.desks[name].login()


async def balances(v: Venue, name: str, count: int) -> Sequence[int]:
    return [(await v.desks[name].call("GET", "/v1/account/balance")).status_code for _ in range(count)]


async def test_public_calls_count_by_address_and_class() -> None:
    async with venue(limited(ip_system=2)) as v:
        first, second, third = [await v.http.get("/v1/system/time") for _ in range(3)]
        assert [told(answer)[:2] for answer in (first, second, third)] == [(2, 1), (2, 0), (2, 0)]
        assert refusal(third) == (429, "RATE_LIMIT_EXCEEDED", None)
        error = third.json()["error"]
        assert error["message"].startswith("Rate limit exceeded: 2 requests per minute. Please retry after ")
        assert 58 <= error["retry_after"] == int(third.headers["retry-after"]) <= 60
        assert abs(told(third)[2] - third.json()["timestamp"] / 1000 - error["retry_after"]) <= 1
        assert (await v.http.get("/v1/nothing")).status_code == 429  # what is unknown counts as system
        market = await v.http.get("/v1/market/symbols")
        assert told(market)[:2] == (60, 59)


async def test_the_window_opens_with_its_first_request() -> None:
    async with venue(limited(ip_system=2)) as v:
        opened_ms = (await v.http.get("/v1/system/time")).json()["timestamp"]
        await v.pass_time(30_000)
        late = await v.http.get("/v1/system/time")
        assert told(late)[2] * 1000 - opened_ms <= 61_000
        assert (await v.http.get("/v1/system/time")).json()["error"]["retry_after"] <= 30
        await v.pass_time(30_000)
        assert told(await v.http.get("/v1/system/time"))[:2] == (2, 1)


async def test_a_private_call_takes_a_slot_by_address_and_one_by_key() -> None:
    async with venue(limited(ip_query=5, key_query=3)) as v:
        await logged_in(v, "desk-a", "desk-b")
        answer = await v.a.call("GET", "/v1/account/balance")
        assert told(answer)[:2] == (3, 2)  # the bucket with less left speaks
        assert await balances(v, "desk-a", 3) == [200, 200, 429]
        # The refusal took nothing: two of the address's five are left for another key.
        assert await balances(v, "desk-b", 3) == [200, 200, 429]
        report = (await v.sim("GET", "ledger/limits"))["callers"]
        by_key, by_address = report["desk-a"]["key_query"], report["127.0.0.1"]["ip_query"]
        assert (by_key["arrivals"], by_key["breaches"]) == (4, 1)
        assert (by_address["arrivals"], by_address["breaches"], by_address["limit"]) == (7, 1, 5)
        assert [count for _, count in by_address["windows"]["first_request"]] == [5]
        assert [count for _, count in by_key["windows"]["first_request"]] == [3]


async def test_a_fresh_private_query_is_told_the_addresss_limit() -> None:
    async with venue(PRODUCTION) as v:
        await logged_in(v, "desk-a")
        assert told(await v.a.call("GET", "/v1/account/balance"))[:2] == (120, 119)
        assert told(await v.a.place(quantity="0.01", price="140"))[:2] == (30, 29)
        batch = await v.a.call("POST", "/v1/order/place-batch", {"orders": [LIMIT] * 3})
        assert told(batch)[:2] == (10, 9)  # one slot whatever the size


async def test_any_answer_but_a_refusal_for_the_limit_takes_a_slot() -> None:
    async with venue(limited(ip_trade=5, key_trade=5)) as v:
        await logged_in(v, "desk-a", "usr_1001#2")
        unknown = await v.http.post("/v1/order/place", json=LIMIT)
        assert (unknown.status_code, told(unknown)[:2]) == (401, (5, 4))
        assert (await v.desks["usr_1001#2"].place()).status_code == 403
        assert (await v.a.place(price="0")).status_code == 400
        assert [(await v.a.place()).status_code for _ in range(3)] == [201, 201, 429]
        callers = (await v.sim("GET", "ledger/limits"))["callers"]
        assert callers["usr_1001#2"]["key_trade"]["arrivals"] == 1
        assert callers["desk-a"]["key_trade"]["arrivals"] == 3
        assert (await v.sim("GET", "ledger/orders"))["desk-a"]["accepted"] == 2


async def test_the_address_is_counted_before_the_token_is_looked_at() -> None:
    async with venue(limited(ip_query=1)) as v:
        assert (await v.http.get("/v1/account/balance")).status_code == 401
        refused = await v.http.get("/v1/account/balance")
        assert (refused.status_code, told(refused)[:2]) == (429, (1, 0))


async def test_if_both_buckets_are_empty_the_later_one_is_waited_for() -> None:
    async with venue(limited(ip_query=2, key_query=1)) as v:
        await logged_in(v, "desk-a", "desk-b")
        assert await balances(v, "desk-b", 1) == [200]
        await v.pass_time(20_000)
        assert await balances(v, "desk-a", 1) == [200]
        refused = await v.a.call("GET", "/v1/account/balance")
        assert refused.json()["error"]["message"].startswith("Rate limit exceeded: 1 requests per minute")
        assert refused.json()["error"]["retry_after"] > 58
        assert told(refused)[0] == 2


async def test_logins_count_as_system_calls() -> None:
    async with venue(limited(ip_system=1)) as v:
        await logged_in(v, "desk-a")
        body = {"api_key": v.a.api_key, "api_secret": v.a.api_secret}
        assert refusal(await v.http.post("/v1/auth/token", json=body))[0] == 429


async def test_a_vip_may_ask_more_often_in_both_dimensions() -> None:
    vip = tuple(replace(account, vip_level=2) for account in PRODUCTION.accounts[:1])
    config = replace(limited(ip_trade=1, key_trade=1), accounts=(*vip, *PRODUCTION.accounts[1:]))
    async with venue(config) as v:
        await logged_in(v, "desk-a", "desk-b")
        assert [(await v.a.place()).status_code for _ in range(4)] == [201, 201, 201, 429]
        assert (await v.b.place()).status_code == 429
        await v.pass_time(61_000)
        assert [(await v.b.place()).status_code for _ in range(2)] == [201, 429]


def test_vip_levels_multiply_private_classes_only() -> None:
    query = [multiplier(level, RequestClass.QUERY) for level in range(6)]
    trade = [multiplier(level, RequestClass.TRADE) for level in range(6)]
    assert (query, trade) == ([1, 2, 5, 10, 20, 20], [1, 2, 3, 5, 10, 10])
    assert [multiplier(4, kind) for kind in (RequestClass.MARKET, RequestClass.SYSTEM)] == [1, 1]


async def test_the_testnet_has_no_limits_and_no_headers() -> None:
    config = replace(limited(ip_system=1), zanbara=ZanbaraConfig(environment="testnet"))
    async with venue(config) as v:
        answers = [await v.http.get("/v1/system/time") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200] * 3
        assert not any(name.startswith("x-ratelimit") for name in answers[-1].headers)


@pytest.mark.parametrize("counting", [(kind,) for kind in Counting] + [tuple(Counting)])
async def test_other_kinds_of_counting_give_slots_back_too(counting: tuple[Counting, ...]) -> None:
    limits = LimitConfig(limits=LIMITS.limits | {"ip_query": 3, "key_query": 1}, counting=counting, period_ms=600_000)
    async with venue(replace(PRODUCTION, limits=limits)) as v:
        await logged_in(v, "desk-a", "desk-b", "desk-poor")
        assert await balances(v, "desk-a", 3) == [200, 429, 429]
        assert [*await balances(v, "desk-b", 1), *await balances(v, "desk-poor", 1)] == [200, 200]
        assert (await v.sim("GET", "ledger/limits"))["breaches"] == 2
