"""Events, fills and snapshots over REST: nothing missed, nothing of others, and an honest word where it was cut."""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.models import AccountName, Fill, Liquidity, VenueName
from gateway.journal import EVERYBODY
from gateway.journal.archive_files import entries_in
from gateway.orders.record import OrderRecord
from gateway.store import keys
from tests.gateway.api.conftest import gateway_on, new_exchange, settings_for
from tests.gateway.api.running import Running, fresh_id
from tests.redis_process import RedisProcess, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

V = VenueName("sim")
EVENTS = "/v1/accounts/main/events"


async def data(gateway: Running, path: str, *, client: str = "bot", **params: Any) -> Any:
    answer = await gateway.call("GET", path, client=client, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def ids_of(snapshot: Any) -> set[str]:
    return {order["order_id"] for order in snapshot["orders"]}


async def newest(gateway: Running, account: str = "main") -> str:
    return str((await data(gateway, f"/v1/accounts/{account}/snapshot"))["cursor"])


async def write(gateway: Running, account: str, *fields: str, max_length: int = 10_000) -> str:
    key = keys.journal(V, AccountName(account))
    cursor = await gateway.services.store.command("XADD", key, "MAXLEN", max_length, "*", *fields)
    return str(cursor.decode())


async def test_events_tell_every_step_of_an_order_by_pages(gateway: Running) -> None:
    start = await newest(gateway)
    placed = (await gateway.place()).json()["data"]
    await gateway.call("DELETE", f"/v1/orders/{placed['order_id']}", client="bot")
    first = await data(gateway, EVENTS, after=start, limit=1)
    rest = await data(gateway, EVENTS, after=first["cursor"])
    assert (len(first["items"]), first["has_next"], rest["has_next"]) == (1, True, False)
    steps = first["items"] + rest["items"]
    assert [(step["kind"], step["client"]) for step in steps] == [("order", "bot")] * len(steps)
    assert [step["data"]["order_id"] for step in steps] == [placed["order_id"]] * len(steps)
    assert (steps[0]["data"]["status"], steps[-1]["data"]["status"]) == ("pending", "cancelled")
    # Which of two clocks stamped it is no part of the order.
    assert steps[0]["data"] | {"updated_at": 0} == placed | {"updated_at": 0}
    assert rest["cursor"] == steps[-1]["cursor"]


def orders_of(found: dict[str, Any], *orders: dict[str, Any]) -> list[str]:
    """Which of these orders the events are about: others may be settling meanwhile."""
    told = [event["data"].get("order_id") for event in found["items"]]
    return [order_id for order_id in told if order_id in {order["order_id"] for order in orders}]


async def test_events_are_filtered_by_order_symbol_kind_and_time(gateway: Running) -> None:
    start = await newest(gateway)
    one = (await gateway.place(symbol="BTC-USDC")).json()["data"]
    two = (await gateway.place()).json()["data"]

    async def of(**params: Any) -> list[str]:
        return orders_of(await data(gateway, EVENTS, after=start, **params), one, two)

    assert await of() == [one["order_id"], two["order_id"]]
    assert await of(order_id=one["order_id"]) == [one["order_id"]]
    assert await of(client_order_id=two["client_order_id"]) == [two["order_id"]]
    assert await of(symbol="BTC-USDC") == [one["order_id"]]
    assert await of(kind="fill,balance") == []
    assert await of(**{"from": two["updated_at"] + 60_000}) == []
    assert await of(to=int(start.partition("-")[0]) - 1) == []
    code, error = await gateway.error("GET", EVENTS, client="bot", params={"symbol": "NO-SUCH"})
    assert (code, error["code"]) == (404, "MARKET_NOT_FOUND")


async def test_events_of_others_are_for_those_who_were_granted_the_account(gateway: Running) -> None:
    start = await newest(gateway)
    mine = (await gateway.place()).json()["data"]
    for client, expected in (("other", []), ("boss", [mine["order_id"]])):
        found = await data(gateway, EVENTS, client=client, after=start)
        assert orders_of(found, mine) == expected


async def test_kinds_that_are_not_known_are_passed_on(gateway: Running) -> None:
    start = await newest(gateway)
    await write(gateway, "main", "kind", "halt", "owner", EVERYBODY, "data", '{"mode":"no_new"}')
    await write(gateway, "main", "kind", "rumour", "owner", "", "note", "seen")
    await write(gateway, "main", "kind", "order", "owner", "bot", "intent", "of an older version")
    for client, expected in (
        ("bot", [("halt", {"mode": "no_new"})]),
        ("boss", [("halt", {"mode": "no_new"}), ("rumour", {"note": "seen"})]),
    ):
        found = await data(gateway, EVENTS, client=client, after=start)
        assert [(event["kind"], event["data"]) for event in found["items"]] == expected


async def test_a_cursor_that_was_cut_or_never_was_is_refused(gateway: Running) -> None:
    whole = {"kind": "halt", "owner": EVERYBODY, "data": "{}"}
    fields = [text for pair in whole.items() for text in pair]
    first = await write(gateway, "second", *fields)
    for _ in range(3):
        await write(gateway, "second", *fields, max_length=2)
    for cursor, code in (
        (first, "CURSOR_EXPIRED"),
        ("0-0", "CURSOR_EXPIRED"),
        ("9999999999999-0", "CURSOR_EXPIRED"),
        ("yesterday", "INVALID_PARAMETER"),
    ):
        _, error = await gateway.error("GET", "/v1/accounts/second/events", client="both", params={"after": cursor})
        assert (error["code"], error["field"]) == (code, "after")
    kept = await data(gateway, "/v1/accounts/second/events", client="both")
    assert len(kept["items"]) == 2


async def test_fills_are_listed_with_the_order_they_belong_to(gateway: Running) -> None:
    start = await newest(gateway)
    placed = (await gateway.place()).json()["data"]
    records = gateway.services.orders.records[V]
    record = await records.get(placed["order_id"])
    assert record is not None
    await records.add_fill(record, fill_of(record))
    [fill] = (await data(gateway, "/v1/accounts/main/fills", cursor=start))["items"]
    assert (fill["order_id"], fill["client_order_id"]) == (placed["order_id"], placed["client_order_id"])
    assert (fill["price"], fill["quantity"], fill["account"]) == ("100", "0.5", "main")
    assert (await data(gateway, "/v1/accounts/main/fills", client="other", cursor=start))["items"] == []


async def test_a_snapshot_holds_what_is_open_and_of_others_only_by_grant(gateway: Running) -> None:
    open_one = (await gateway.place()).json()["data"]
    ended = (await gateway.place()).json()["data"]
    await gateway.call("DELETE", f"/v1/orders/{ended['order_id']}", client="bot")
    mine = await data(gateway, "/v1/accounts/main/snapshot")
    assert open_one["order_id"] in ids_of(mine)
    assert ended["order_id"] not in ids_of(mine)
    assert {"positions", "balances"} <= mine.keys()
    others = await data(gateway, "/v1/accounts/main/snapshot", client="other")
    assert open_one["order_id"] not in ids_of(others)
    whole = await data(gateway, "/v1/accounts/main/snapshot", client="boss")
    assert open_one["order_id"] in ids_of(whole)


async def test_snapshot_and_what_follows_its_cursor_are_always_the_whole_truth(gateway: Running) -> None:
    """Orders come and go while snapshots are taken; each, brought up to date by events, ends as the last one does."""
    busy = True
    ids: set[str] = set()

    async def trade() -> None:
        while busy:
            order = (await gateway.place(client_order_id=fresh_id())).json()["data"]
            ids.add(order["order_id"])
            await gateway.call("DELETE", f"/v1/orders/{order['order_id']}", client="bot")

    resting = {(await gateway.place()).json()["data"]["order_id"] for _ in range(3)}
    trading = [asyncio.create_task(trade()) for _ in range(4)]
    snapshots = []
    for _ in range(12):
        snapshots.append(await data(gateway, "/v1/accounts/main/snapshot"))
        await asyncio.sleep(0)
    busy = False
    await asyncio.gather(*trading)
    ends = []
    for snapshot in snapshots:
        known = {order["order_id"]: order for order in snapshot["orders"]}
        cursor, has_next = snapshot["cursor"], True
        while has_next:
            page = await data(gateway, EVENTS, after=cursor, kind="order", limit=100)
            for order in (event["data"] for event in page["items"]):
                if order["version"] > known.get(order["order_id"], {"version": 0})["version"]:
                    known[order["order_id"]] = order
            cursor, has_next = page["cursor"], page["has_next"]
        ends.append({name: order["version"] for name, order in known.items() if order["stage"] == "live"})
    last = await data(gateway, "/v1/accounts/main/snapshot")
    truth = {order["order_id"]: order["version"] for order in last["orders"] if order["stage"] == "live"}
    assert resting <= truth.keys()
    assert not ids & truth.keys()
    assert len(ids) > 20
    assert ends == [truth] * len(snapshots)


def fill_of(record: OrderRecord) -> Fill:
    assert record.result.venue_order_id is not None
    return Fill(
        venue=V,
        symbol=record.intent.symbol,
        venue_order_id=record.result.venue_order_id,
        venue_client_id=record.intent.venue_client_id,
        trade_id="t-1",
        side=record.intent.side,
        price=Decimal("100"),
        quantity=Decimal("0.5"),
        fee=Decimal("0.01"),
        fee_asset="USDC",
        liquidity=Liquidity.MAKER,
        venue_time_us=1_700_000_000_000_000,
    )


async def test_the_audit_is_for_admins_and_shows_everybodys_steps(gateway: Running) -> None:
    mine = (await gateway.place()).json()["data"]
    code, error = await gateway.error("GET", "/v1/admin/audit", client="boss", params={"account": "main"})
    assert (code, error["code"]) == (403, "PERMISSION_DENIED")
    code, error = await gateway.error("GET", "/v1/admin/audit", client="auditor", params={"account": "none"})
    assert (code, error["code"]) == (404, "ACCOUNT_NOT_FOUND")
    page = await data(gateway, "/v1/admin/audit", client="auditor", account="main", order_id=mine["order_id"])
    assert [(event["client"], event["data"]["order_id"]) for event in page["items"]] == [("bot", mine["order_id"])]
    assert page["reach"]["oldest_cursor"] <= page["items"][0]["cursor"]
    assert page["reach"]["archived_to"] is None
    again = await data(gateway, "/v1/admin/audit", client="auditor", account="main", cursor=page["cursor"])
    assert mine["order_id"] not in {event["data"].get("order_id") for event in again["items"]}


async def test_with_an_archive_every_entry_is_copied_to_it(tmp_path: Path) -> None:
    directory = tmp_path / "archive"
    with RedisProcess() as redis:
        settings = settings_for(tmp_path, redis.url, archive={"directory": directory})
        async with gateway_on(settings, redis.url, new_exchange()) as gateway:
            placed = (await gateway.place()).json()["data"]

            async def is_archived() -> bool:
                page = await data(gateway, "/v1/admin/audit", client="auditor", account="main")
                return bool(page["items"]) and page["reach"]["archived_to"] == page["cursor"]

            await eventually(is_archived)
    begun, *entries = entries_in(directory / "main")
    assert (begun["kind"], begun["owner"]) == ("epoch", EVERYBODY)
    assert [(entry["kind"], entry["owner"]) for entry in entries] == [("order", "bot")]
    told = entries[0]["data"]
    names = ("order_id", "client_order_id", "venue_order_id", "symbol", "price", "status", "version")
    assert {name: told[name] for name in names} == {name: placed[name] for name in names}
