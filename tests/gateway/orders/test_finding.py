"""Looking orders up: compared with the venue where that can be, from memory where it cannot, and only one's own."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from adapters.errors import NoAnswer, OutcomeUnknown
from adapters.models import OrderStatus
from gateway.errors import Code, Refusal
from gateway.orders.record import OrderRecord, Place, State
from gateway.settings import AccountAccess, Scope
from gateway.store import keys
from tests.gateway.orders.exchange import Exchange
from tests.gateway.orders.replica import ACCOUNT, BOT, Replica, client, limit_order, market_order, replica
from tests.redis_process import RedisProcess

SUPERVISOR = client("supervisor", access=AccountAccess.ACCOUNT)


async def placed(on: Replica, client_order_id: str = "one") -> OrderRecord:
    return (await on.placing.place(BOT, limit_order(client_order_id))).record


async def unanswered(_source: str) -> None:
    raise NoAnswer(_source, "no answer")  # type: ignore[arg-type]


def everything(_record: OrderRecord) -> bool:
    return True


async def test_an_open_order_is_compared_with_the_venue(one: Replica) -> None:
    record = await placed(one)
    one.exchange.change(
        record.intent.venue_client_id, status=OrderStatus.PARTIAL_FILLED, filled_quantity=Decimal("0.5")
    )
    found, is_fresh = await one.finding.get(BOT, record.intent.order_id)
    assert (found.result.filled_quantity, is_fresh) == (Decimal("0.5"), True)
    assert await one.known() == found or (await one.known()).result == found.result


async def test_an_order_that_rests_no_more_is_found_in_the_history(one: Replica) -> None:
    record = await placed(one)
    one.exchange.change(record.intent.venue_client_id, status=OrderStatus.FILLED, filled_quantity=Decimal(1))
    found, is_fresh = await one.finding.get(BOT, record.intent.order_id)
    assert (found.state, found.result.status, is_fresh) == (State.DONE, OrderStatus.FILLED, True)


async def test_a_venue_that_is_down_leaves_what_is_known_and_says_so(one: Replica) -> None:
    record = await placed(one)
    one.exchange.on_read = unanswered
    found, is_fresh = await one.finding.get(BOT, record.intent.order_id)
    assert (found.result.status, is_fresh) == (OrderStatus.PENDING, False)


async def test_an_order_is_shown_before_its_venue_has_told_its_markets(
    one: Replica, orders_redis: RedisProcess
) -> None:
    record = await placed(one)
    one.exchange.markets.clear()
    async with replica(orders_redis.url, one.exchange) as restarted:
        found, is_fresh = await restarted.finding.get(BOT, record.intent.order_id)
    assert (found.result.status, is_fresh) == (OrderStatus.PENDING, False)


async def test_a_done_order_costs_no_call(one: Replica) -> None:
    record = (await one.placing.place(BOT, market_order())).record
    one.exchange.reads.clear()
    _, is_fresh = await one.finding.get(BOT, record.intent.order_id)
    assert is_fresh
    assert one.exchange.reads == []


async def test_asking_for_an_unknown_order_asks_nobody(one: Replica) -> None:
    """The sweep looks for it; bots that keep asking must not use up what that needs."""

    async def lose() -> None:
        raise OutcomeUnknown(one.venue, "no answer")

    one.exchange.before_answer = lose
    record = await placed(one)
    found, is_fresh = await one.finding.get(BOT, record.intent.order_id)
    assert (found.state, is_fresh) == (State.UNKNOWN, False)


@pytest.mark.parametrize("who", [client("other"), client("bot", Scope.READ, accounts=())])
async def test_a_foreign_order_answers_like_none(one: Replica, who: object) -> None:
    record = await placed(one)
    messages = []
    for order_id in (record.intent.order_id, "x" * len(record.intent.order_id)):
        with pytest.raises(Refusal) as caught:
            await one.finding.get(who, order_id)  # type: ignore[arg-type]
        assert caught.value.code is Code.ORDER_NOT_FOUND
        messages.append((caught.value.message.replace(order_id[:64], ""), caught.value.details))
    assert messages[0] == messages[1]


async def test_a_grant_on_the_whole_account_sees_all_orders(one: Replica) -> None:
    record = await placed(one)
    found, _ = await one.finding.get(SUPERVISOR, record.intent.order_id)
    assert found.intent.owner == "bot"


async def test_the_bots_own_id_finds_its_order_and_only_its_own(one: Replica) -> None:
    record = await placed(one)
    assert (await one.finding.by_client_order_id(BOT, ACCOUNT, "one")).intent == record.intent
    for who, client_order_id in ((SUPERVISOR, "one"), (BOT, "two")):
        with pytest.raises(Refusal) as caught:
            await one.finding.by_client_order_id(who, ACCOUNT, client_order_id)
        assert (caught.value.code, caught.value.details) == (Code.ORDER_NOT_FOUND, {"absence_verified": True})


async def test_a_list_is_newest_first_compared_and_ones_own(one: Replica) -> None:
    for number in range(3):
        await placed(one, str(number))
    await one.placing.place(client("other"), limit_order("foreign"))
    filled = (await one.known("1")).intent.venue_client_id
    one.exchange.change(filled, status=OrderStatus.FILLED, filled_quantity=Decimal(1))
    one.exchange.reads.clear()
    listing = await one.finding.list(BOT, ACCOUNT, everything)
    assert [record.intent.client_order_id for record in listing.records] == ["2", "1", "0"]
    assert [record.state for record in listing.records] == [State.LIVE, State.DONE, State.LIVE]
    assert (listing.looked_to_ms, listing.is_fresh) == (None, True)
    assert one.exchange.reads == ["resting", "history"]
    everybodys = await one.finding.list(SUPERVISOR, ACCOUNT, everything)
    assert len(everybodys.records) == 4


async def test_a_list_takes_what_is_wanted_by_its_state_at_the_venue(one: Replica) -> None:
    record = await placed(one)
    one.exchange.change(record.intent.venue_client_id, status=OrderStatus.CANCELLED)
    listing = await one.finding.list(BOT, ACCOUNT, lambda record: record.result.status is OrderStatus.CANCELLED)
    assert len(listing.records) == 1


async def test_a_list_says_when_the_venue_could_not_be_asked(one: Replica) -> None:
    await placed(one)
    one.exchange.on_read = unanswered
    listing = await one.finding.list(BOT, ACCOUNT, everything)
    assert (len(listing.records), listing.is_fresh) == (1, False)


async def test_a_list_that_did_not_look_at_all_orders_says_so(one: Replica) -> None:
    """Also where most of those it looked at are others'."""
    for number in range(3):
        await placed(one, str(number))
    await one.placing.place(client("other"), limit_order("foreign"))
    foreign = client("other")
    for who in (BOT, foreign):
        assert (await one.finding.list(who, ACCOUNT, everything, scan_max=2)).looked_to_ms is not None
    assert (await one.finding.list(BOT, ACCOUNT, everything, scan_max=5)).looked_to_ms is None


async def test_a_list_goes_on_where_it_was_cut_and_misses_nothing(one: Replica) -> None:
    """Whatever is accepted meanwhile, and however many of those looked at are others'."""
    for number in range(6):
        await placed(one, str(number))
        await one.placing.place(client("other"), limit_order(f"foreign {number}"))
    # Two at the same time: they are not torn apart.
    name, (first, second, *_) = keys.recent_orders(one.venue, ACCOUNT), await one.records.recent(ACCOUNT, count=5)
    await one.store.command("ZADD", name, first.created_ms, second.order_id)
    found, before = [], None
    for number in range(20):
        listing = await one.finding.list(BOT, ACCOUNT, everything, before=before, scan_max=3)
        found += [record.intent.client_order_id for record in listing.records]
        if listing.looked_to_ms is None:
            break
        before = Place(listing.looked_to_ms, "")
        await placed(one, f"late {number}")
    assert found == ["5", "4", "3", "2", "1", "0"]


@pytest.fixture
def own_redis() -> Iterator[RedisProcess]:
    """One that a test may kill."""
    with RedisProcess() as redis:
        yield redis


async def test_a_store_that_is_away_is_said(own_redis: RedisProcess, exchange: Exchange) -> None:
    async with replica(own_redis.url, exchange) as on:
        order_id = (await placed(on)).intent.order_id
        own_redis.kill()
        for call in (
            on.finding.get(BOT, order_id),
            on.finding.by_client_order_id(BOT, ACCOUNT, "one"),
            on.finding.list(BOT, ACCOUNT, everything),
        ):
            with pytest.raises(Refusal) as caught:
                await call
            assert (caught.value.code, caught.value.outcome) == (Code.STORE_UNAVAILABLE, None)
