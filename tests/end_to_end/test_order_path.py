"""The way of an order through real processes: placed, found, filled, cancelled, repeated, refused."""

import asyncio
import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from gateway.addresses import AllowList
from gateway.auth import Client, Tokens
from gateway.auth.secrets import new_seed, seed_bytes
from gateway.cli.stack import Stack
from tests.end_to_end.bots import MARKET, SYMBOL, VENUE_SYMBOL, Bot, VenueControl, answered, bot_of, new_id, refused

FAR_AHEAD_MS = 9_999_999_999_999


async def test_a_resting_order_is_found_and_cancelled_by_its_order_id_at_any_replica(
    bot: Bot, other_bot: Bot, venue: VenueControl
) -> None:
    placed = await bot.rest(labels=["alpha"])
    assert (placed["symbol"], placed["price"], placed["quantity"]) == (SYMBOL, "140", "0.1")
    assert (placed["stage"], placed["filled_quantity"], placed["remaining_quantity"]) == ("live", "0", "0.1")
    assert (placed["client"], placed["venue"], placed["labels"]) == ("demo-bot", "backpack", ["alpha"])
    assert placed["venue_order_id"] in await venue.orders()

    path = f"/v1/orders/{placed['order_id']}"
    found = await other_bot.call("GET", path)
    assert answered(found)["venue_order_id"] == placed["venue_order_id"]
    assert found.json()["meta"]["source"] == "venue"
    listed = await other_bot.ask("GET", f"/v1/orders?account={bot.account}&status=open&symbol={VENUE_SYMBOL}")
    assert placed["order_id"] in {order["order_id"] for order in listed["items"]}

    cancelled = await other_bot.ask("DELETE", path)
    assert (cancelled["status"], cancelled["stage"], cancelled["cancel"]["state"]) == ("cancelled", "done", "done")
    assert cancelled["version"] > placed["version"]
    assert (await bot.ask("DELETE", path))["status"] == "cancelled", "a cancel may be repeated"
    listed = await bot.ask("GET", f"/v1/orders?account={bot.account}&status=open")
    assert placed["order_id"] not in {order["order_id"] for order in listed["items"]}


async def test_a_resting_order_is_found_and_cancelled_by_the_bots_own_id(bot: Bot, other_bot: Bot) -> None:
    placed = await bot.rest()
    name = placed["client_order_id"]
    assert (await other_bot.find(name))["order_id"] == placed["order_id"]
    listed = await other_bot.ask("GET", f"/v1/orders?account={bot.account}&client_order_id={name}")
    assert [order["order_id"] for order in listed["items"]] == [placed["order_id"]]
    assert (listed["total"], listed["has_next"]) == (1, False)
    assert (await other_bot.ask("DELETE", bot.by_client_id(name)))["status"] == "cancelled"
    assert (await bot.find(name))["status"] == "cancelled"


async def test_an_aggressive_order_fills_and_moves_the_balances(bot: Bot) -> None:
    async def held(asset: str) -> Decimal:
        balances = await bot.ask("GET", f"/v1/accounts/{bot.account}/balances")
        return next(Decimal(one["total"]) for one in balances["items"] if one["asset"] == asset)

    before = await held("SOL")
    price = await bot.taking_price()
    order = answered(await bot.place(price=price, quantity="0.5", time_in_force="IOC"), 201)
    assert (order["status"], order["filled_quantity"], order["remaining_quantity"]) == ("filled", "0.5", "0")
    assert Decimal("100") < Decimal(order["average_price"]) <= Decimal(price)
    assert Decimal("0.49") < await held("SOL") - before <= Decimal("0.5"), "the fee is taken in what was bought"

    sold = answered(await bot.place(type="market", side="sell", price=None, quantity="0.4"), 201)
    assert (sold["status"], sold["filled_quantity"]) == ("filled", "0.4")
    spent = answered(await bot.place(type="market", price=None, quantity=None, quote_quantity="30"), 201)
    assert spent["status"] == "filled"
    assert Decimal(0) < Decimal(spent["filled_quantity"]) < Decimal("0.3")


async def test_a_filled_order_cannot_be_cancelled(bot: Bot) -> None:
    order = answered(await bot.place(price=await bot.taking_price(), time_in_force="IOC"), 201)
    error = refused(
        await bot.call("DELETE", f"/v1/orders/{order['order_id']}"), 409, "ORDER_NOT_CANCELLABLE", outcome="rejected"
    )
    assert error["details"]["order"]["status"] == "filled"


async def test_a_post_only_order_that_would_take_is_a_rejected_order_and_no_error(
    bot: Bot, venue: VenueControl
) -> None:
    before = await venue.orders()
    order = answered(await bot.place(type="post_only", price=await bot.taking_price()), 201)
    assert (order["status"], order["stage"], order["reason"]) == ("rejected", "done", "POST_ONLY_WOULD_TAKE")
    assert (await bot.find(order["client_order_id"]))["status"] == "rejected"
    assert await venue.orders() == before


async def test_a_repeated_order_is_answered_again_and_not_placed_again(
    bot: Bot, other_bot: Bot, venue: VenueControl
) -> None:
    before = await venue.orders()
    body = bot.order()
    placed = answered(await bot.call("POST", "/v1/orders", body), 201)
    # Spelled otherwise, with other deadlines and labels: still the same order.
    same = body | {"price": "140.00", "valid_until": FAR_AHEAD_MS, "labels": ["again"], "max_wait_ms": 5}
    for repeat in (await bot.call("POST", "/v1/orders", same), await other_bot.call("POST", "/v1/orders", body)):
        assert answered(repeat, 200)["order_id"] == placed["order_id"]
    assert await venue.orders() == [*before, placed["venue_order_id"]]
    await bot.ask("DELETE", f"/v1/orders/{placed['order_id']}")
    assert answered(await bot.call("POST", "/v1/orders", body), 200)["status"] == "cancelled"
    assert len(await venue.orders()) == len(before) + 1


async def test_an_order_sent_many_times_at_once_to_both_replicas_is_placed_once(
    bot: Bot, other_bot: Bot, venue: VenueControl
) -> None:
    before = await venue.orders()
    body = bot.order()
    answers = await asyncio.gather(*(one.call("POST", "/v1/orders", body) for one in (bot, other_bot) * 8))
    assert sorted(answer.status_code for answer in answers) == [200] * 15 + [201]
    assert len({answer.json()["data"]["order_id"] for answer in answers}) == 1
    assert len(await venue.orders()) == len(before) + 1


async def test_the_same_id_with_other_content_is_a_conflict(bot: Bot, venue: VenueControl) -> None:
    body = bot.order()
    answered(await bot.call("POST", "/v1/orders", body), 201)
    before = await venue.orders()
    for other in ({"quantity": "0.2"}, {"price": "139"}, {"side": "sell", "price": "170"}, {"type": "post_only"}):
        answer = await bot.call("POST", "/v1/orders", body | other)
        refused(answer, 409, "IDEMPOTENCY_CONFLICT", outcome="not_sent", field="client_order_id")
    assert await venue.orders() == before


async def test_clients_do_not_see_each_others_orders_and_may_use_the_same_ids(
    stack: Stack, bot: Bot, client_secrets: Mapping[str, str]
) -> None:
    placed = await bot.rest()
    async with bot_of(stack, client=("neighbour", client_secrets["neighbour"])) as neighbour:
        path = f"/v1/orders/{placed['order_id']}"
        refused(await neighbour.call("GET", path), 404, "ORDER_NOT_FOUND", field="order_id")
        refused(await neighbour.call("DELETE", path), 404, "ORDER_NOT_FOUND", outcome="not_sent", field="order_id")
        theirs = await neighbour.rest(client_order_id=placed["client_order_id"])
        assert theirs["order_id"] != placed["order_id"]
        listed = await neighbour.ask("GET", f"/v1/orders?account={bot.account}&limit=100")
        assert {order["client"] for order in listed["items"]} == {"neighbour"}


PARAMETER = "INVALID_PARAMETER"


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"symbol": "NO-SUCH"}, "MARKET_NOT_FOUND", "symbol"),
        ({"symbol": "../../capital"}, "MARKET_NOT_FOUND", "symbol"),
        ({"account": "no-such"}, "ACCOUNT_NOT_FOUND", "account"),
        ({"client_order_id": None}, PARAMETER, "client_order_id"),
        ({"client_order_id": "with space"}, PARAMETER, "client_order_id"),
        ({"client_order_id": "x" * 65}, PARAMETER, "client_order_id"),
        ({"price": 140}, PARAMETER, "price"),
        ({"price": "1e2"}, PARAMETER, "price"),
        ({"price": "-1"}, PARAMETER, "price"),
        ({"price": "１４０"}, PARAMETER, "price"),
        ({"quantity": "NaN"}, PARAMETER, "quantity"),
        ({"quantity": "0"}, PARAMETER, "quantity"),
        ({"quantity": None}, PARAMETER, "quantity"),
        ({"price": None}, PARAMETER, "price"),
        ({"quote_quantity": "5"}, PARAMETER, "quantity"),
        ({"side": "hold"}, PARAMETER, "side"),
        ({"reduce_only": "yes"}, PARAMETER, "reduce_only"),
        ({"leverage": 3}, PARAMETER, "leverage"),
        ({"max_wait_ms": 60_001}, PARAMETER, "max_wait_ms"),
        ({"type": "iceberg"}, "NOT_SUPPORTED", "type"),
        ({"type": "stop_limit"}, "INVALID_PARAMETER", "stop_price"),
        ({"time_in_force": "GTT"}, "NOT_SUPPORTED", "time_in_force"),
        ({"stop_price": "120"}, "INVALID_PARAMETER", "stop_price"),
        ({"valid_until": 1_600_000_000_000}, "VALID_UNTIL_PASSED", "valid_until"),
    ],
)
async def test_what_is_wrong_with_an_order_is_said_and_nothing_is_sent(
    bot: Bot, venue: VenueControl, changes: dict[str, Any], code: str, field: str
) -> None:
    before = await venue.orders()
    body = bot.order(**changes)
    status = 404 if code.endswith("NOT_FOUND") else 400
    refused(await bot.call("POST", "/v1/orders", body), status, code, outcome="not_sent", field=field)
    refused(await bot.call("POST", "/v1/orders/validate", body), status, code, outcome="not_sent", field=field)
    assert await venue.orders() == before


@pytest.mark.parametrize(
    ("field", "value", "nearest"),
    [
        ("price", "140.005", ["140", "140.01"]),
        ("quantity", "0.123", ["0.12", "0.13"]),
        ("quantity", "0.000000000000000001", ["0.01"]),
    ],
)
async def test_off_the_grid_is_refused_with_the_nearest_values(
    bot: Bot, venue: VenueControl, field: str, value: str, nearest: list[str]
) -> None:
    before = await venue.orders()
    error = refused(await bot.place(**{field: value}), 400, "INVALID_PRECISION", outcome="not_sent", field=field)
    assert error["details"] == {"step": "0.01", "nearest": nearest}
    assert await venue.orders() == before


async def test_a_refusal_before_sending_leaves_the_id_free(bot: Bot) -> None:
    name = new_id()
    refused(
        await bot.place(client_order_id=name, price="140.001"),
        400,
        "INVALID_PRECISION",
        outcome="not_sent",
        field="price",
    )
    refused(await bot.call("GET", bot.by_client_id(name)), 404, "ORDER_NOT_FOUND", field="client_order_id")
    assert (await bot.rest(client_order_id=name))["client_order_id"] == name


async def test_bodies_that_are_not_plain_json_are_refused(bot: Bot, venue: VenueControl) -> None:
    before = await venue.orders()

    async def post(content: bytes, media_type: str = "application/json") -> Any:
        return await bot.http.post("/v1/orders", content=content, headers={"Content-Type": media_type})

    for content in (b"", b"{", b"[]", b'"text"', b'{"account": NaN}', b'{"a": "\\ud800"}', b"\xff\xfe"):
        refused(await post(content), 400, "INVALID_REQUEST", outcome="not_sent")
    twice = b'{"account": "bp-desk-a", "account": "bp-desk-b"}'
    refused(await post(twice), 400, PARAMETER, outcome="not_sent", field="account")
    refused(await post(b"account=a", "text/plain"), 415, "UNSUPPORTED_MEDIA_TYPE", outcome="not_sent")
    refused(await post(b" " * 65_537), 413, "PAYLOAD_TOO_LARGE", outcome="not_sent")
    assert await venue.orders() == before


async def test_insufficient_balance_is_the_venues_no_and_binds_the_id(stack: Stack, venue: VenueControl) -> None:
    async with bot_of(stack, account="bp-desk-poor") as poor:
        body = poor.order(quantity="100")
        for _ in range(2):
            error = refused(
                await poor.call("POST", "/v1/orders", body), 400, "INSUFFICIENT_BALANCE", outcome="rejected"
            )
            assert (error["venue"], error["venue_code"]) == ("backpack", "INSUFFICIENT_FUNDS")
        assert await venue.orders("desk-poor") == []
        assert (await poor.find(body["client_order_id"]))["status"] == "rejected"


async def test_a_price_the_venue_will_not_have_is_its_rejection(bot: Bot) -> None:
    error = refused(await bot.place(price="1"), 400, "ORDER_REJECTED", outcome="rejected")
    assert (error["venue"], error["venue_code"]) == ("backpack", "INVALID_PRICE")


async def test_what_does_not_exist_is_not_found(bot: Bot) -> None:
    refused(await bot.call("GET", "/v1/venues/no-such"), 404, "VENUE_NOT_FOUND", field="venue")
    refused(await bot.call("GET", f"/v1/venues/no-such/markets/{SYMBOL}/ticker"), 404, "VENUE_NOT_FOUND", field="venue")
    refused(await bot.call("GET", "/v1/venues/backpack/markets/NO-SUCH"), 404, "MARKET_NOT_FOUND", field="symbol")
    refused(await bot.call("GET", "/v1/accounts/no-such/balances"), 404, "ACCOUNT_NOT_FOUND", field="account")
    refused(await bot.call("GET", "/v1/orders/no-such"), 404, "ORDER_NOT_FOUND", field="order_id")
    refused(await bot.call("GET", bot.by_client_id("no-such")), 404, "ORDER_NOT_FOUND", field="client_order_id")
    refused(await bot.call("GET", "/v1/no-such"), 404, "ENDPOINT_NOT_FOUND")
    refused(await bot.call("PUT", "/v1/orders", {}), 405, "METHOD_NOT_ALLOWED", outcome="not_sent")
    refused(await bot.call("GET", f"{MARKET}/orderbook?depth=0"), 400, PARAMETER, field="depth")
    refused(await bot.call("GET", "/v1/markets?limit=101"), 400, PARAMETER, field="limit")


async def test_huge_headers_are_refused(bot: Bot) -> None:
    answer = await bot.http.get("/v1/system/time", headers={"X-Filler": "x" * 20_000})
    assert (answer.status_code, answer.json()["error"]["code"]) == (431, "HEADERS_TOO_LARGE")


async def test_orders_need_a_token_that_is_good(stack: Stack, bot: Bot, venue: VenueControl) -> None:
    def token(seed: bytes, *, age_s: float = 0) -> str:
        made = Tokens(
            [seed],
            audience="crossgate",
            lifetime_s=3600,
            find_client=lambda _: None,
            time_s=lambda: time.time() - age_s,
        )
        nobody = Client("demo-bot", None, frozenset(), {}, AllowList(()), None, "no version", ())
        return made.issue(nobody)

    seed = seed_bytes((stack.directory / "tokens.key").read_text())
    before = await venue.orders()
    bad = {
        "expired": f"Bearer {token(seed, age_s=7200)}",
        "of other grants": f"Bearer {token(seed)}",
        "signed by somebody else": f"Bearer {token(seed_bytes(new_seed()))}",
        "cut short": f"Bearer {bot.token[:-4]}",
        "garbage": "Bearer garbage",
        "empty": "Bearer",
        "of another kind": f"Basic {bot.token}",
    }
    for name, authorization in bad.items():
        bot.http.headers["Authorization"] = authorization
        error = refused(await bot.place(), 401, "AUTHENTICATION_FAILED", outcome="not_sent")
        assert ("expired" in error["message"]) is (name == "expired"), error
        refused(await bot.call("GET", f"/v1/accounts/{bot.account}/balances"), 401, "AUTHENTICATION_FAILED")
    del bot.http.headers["Authorization"]
    refused(await bot.place(), 401, "AUTHENTICATION_FAILED", outcome="not_sent")
    assert await venue.orders() == before


async def test_a_token_needs_the_right_secret(stack: Stack, bot: Bot) -> None:
    for api_key, api_secret in ((stack.api_key, "wrong"), ("nobody", stack.api_secret), (stack.api_key, "")):
        answer = await bot.call("POST", "/v1/auth/token", {"api_key": api_key, "api_secret": api_secret})
        refused(answer, 401, "AUTHENTICATION_FAILED", outcome="not_sent")


async def test_scopes_accounts_and_addresses_are_kept_to(stack: Stack, client_secrets: Mapping[str, str]) -> None:
    async with bot_of(stack, client=("reader", client_secrets["reader"])) as reader:
        refused(await reader.place(), 403, "PERMISSION_DENIED", outcome="not_sent")
        refused(await reader.call("DELETE", reader.by_client_id("any")), 403, "PERMISSION_DENIED", outcome="not_sent")
        await reader.ask("GET", "/v1/accounts/bp-desk-a/balances")
        refused(await reader.call("GET", "/v1/accounts/bp-desk-b/balances"), 404, "ACCOUNT_NOT_FOUND", field="account")
        elsewhere = {"api_key": "elsewhere", "api_secret": client_secrets["elsewhere"]}
        answer = await reader.call("POST", "/v1/auth/token", elsewhere)
        refused(answer, 403, "IP_NOT_ALLOWED", outcome="not_sent")


async def test_what_an_account_holds_and_may_still_spend_is_told(bot: Bot) -> None:
    granted = await bot.ask("GET", "/v1/accounts")
    assert [account["account"] for account in granted["items"]] == ["bp-desk-a", "bp-desk-b", "bp-desk-poor"]
    balances = await bot.call("GET", f"/v1/accounts/{bot.account}/balances")
    assert {one["asset"] for one in answered(balances)["items"]} >= {"USDC", "SOL", "BTC"}
    assert balances.json()["meta"]["source"] == "venue"
    perpetual = {"symbol": "SOL-USDC-PERP", "type": "market", "price": None}
    answered(await bot.place(**perpetual, side="sell"), 201)
    positions = await bot.ask("GET", f"/v1/accounts/{bot.account}/positions")
    [(symbol, side)] = [(one["symbol"], one["side"]) for one in positions["items"]]
    assert (symbol, side) == ("SOL-USDC-PERP", "short")
    answered(await bot.place(**perpetual, side="buy", reduce_only=True), 201)
    assert (await bot.ask("GET", f"/v1/accounts/{bot.account}/positions"))["items"] == []
    rules = await bot.ask("GET", f"/v1/accounts/{bot.account}/rate-limits")
    assert all(rule["used"] + rule["remaining"] == rule["limit"] for rule in rules)
    assert {rule["rule"] for rule in rules if rule["used"]} >= {"account", "ip"}


async def test_headers_tell_the_tightest_budget_a_request_touched(bot: Bot) -> None:
    at_the_venue = await bot.place()
    assert at_the_venue.headers["x-ratelimit-limit"] == "2000", "the account's, a minute"
    from_memory = await bot.call("GET", "/v1/markets")
    assert from_memory.headers["x-ratelimit-limit"] == "500", "the client's own, a second"


async def test_market_data_needs_no_token(bot: Bot) -> None:
    del bot.http.headers["Authorization"]
    [venue] = await bot.ask("GET", "/v1/venues")
    assert venue["venue"] == "backpack"
    assert set(venue["capabilities"]["channels"]) >= {"orderbook", "ticker", "trades"}
    markets = await bot.ask("GET", "/v1/markets?venue=backpack&type=spot&quote=USDC")
    assert {market["symbol"] for market in markets["items"]} == {"SOL-USDC", "BTC-USDC"}
    for channel in ("ticker", "orderbook", "trades"):
        fresh = await bot.call("GET", f"{MARKET}/{channel}?max_age_ms=0")
        assert answered(fresh)
        assert fresh.json()["meta"]["source"] == "venue"
    book = await bot.call("GET", f"/v1/venues/backpack/markets/{VENUE_SYMBOL}/orderbook?depth=3")
    assert [len(answered(book)[side]) for side in ("bids", "asks")] == [3, 3]
    assert book.json()["meta"]["source"] == "stream"
