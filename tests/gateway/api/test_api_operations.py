"""Operations over HTTP: who may ask for what, and how it is answered."""

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from adapters.contract import Venue, VenueAccount
from adapters.errors import InvalidRequest, OutcomeUnknown
from adapters.models import AccountName, LedgerEntry, LedgerKind, MarketType, OperationKind
from gateway.api.context import now_ms
from gateway.store import keys
from tests.gateway.api.conftest import VENUE, gateway_on, settings_for
from tests.gateway.api.running import Running, fresh_id, limit_body
from tests.gateway.operations.bank import Bank, Books
from tests.gateway.orders.exchange import Exchange, market
from tests.redis_process import RedisProcess

pytestmark = pytest.mark.asyncio(loop_scope="session")

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PERP = "SOL-USDC-PERP"
POSITION = f"/v1/accounts/main/positions/{PERP}"
WITHDRAWALS = "/v1/accounts/main/withdrawals"


class Money(Exchange):
    """An exchange that has operations, too."""

    bank: Bank
    books: Books

    def venue(self) -> Venue:
        venue = super().venue()
        return replace(
            venue,
            capabilities=replace(
                venue.capabilities,
                operations=frozenset(OperationKind),
                withdrawals_keep_client_id=True,
            ),
        )

    def open(self, name: AccountName) -> VenueAccount:
        return replace(super().open(name), positions=self.bank, capital=self.bank, data=self.bank, history=self.books)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def money(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    perpetual = market(VENUE, PERP, type=MarketType.PERPETUAL, max_leverage=10)
    exchange = Money(VENUE, markets=[perpetual, market(VENUE)])
    exchange.bank, exchange.books = Bank(exchange), Books()
    with RedisProcess() as redis:
        settings = settings_for(tmp_path_factory.mktemp("money"), redis.url)
        async with gateway_on(settings, redis.url, exchange) as started:
            memory = keys.operation_memory(VENUE, AccountName("main"))
            # As if it had been there for long.
            await started.services.store.command("HSET", memory, "since_ms", 1, "sends", 0)
            yield started
            assert started.internal_errors == []


@pytest.fixture
def bank(money: Running) -> Bank:
    exchange = money.exchange
    assert isinstance(exchange, Money)
    fresh = Bank(exchange)
    for name in ("on_arrival", "before_answer", "has_position"):
        setattr(exchange.bank, name, getattr(fresh, name))
    exchange.bank.sends.clear()
    return exchange.bank


def body_of(**members: Any) -> dict[str, Any]:
    return {"client_operation_id": fresh_id(), **members}


def withdrawal(**changes: Any) -> dict[str, Any]:
    return body_of(destination="treasury", asset="USDC", amount="20.5", second_factor="000000") | changes


async def signed(money: Running, path: str, body: dict[str, Any], *, client: str = "banker") -> httpx.Response:
    content, timestamp = json.dumps(body).encode(), str(now_ms())
    signature = base64.b64encode(KEY.sign(timestamp.encode() + b"POST" + path.encode() + content)).decode()
    headers = {"X-API-Key": client, "X-API-Timestamp": timestamp, "X-API-Signature": signature}
    return await money.call("POST", path, headers=headers | {"content-type": "application/json"}, content=content)


async def test_a_setting_is_made_once_and_can_be_asked_for(money: Running, bank: Bank) -> None:
    body = body_of(leverage=7)
    first = await money.call("PUT", f"{POSITION}/leverage", client="bot", json=body)
    again = await money.call("PUT", f"{POSITION}/leverage", client="bot", json=body)
    assert (first.status_code, again.status_code, len(bank.sends)) == (201, 200, 1)
    data = first.json()["data"]
    assert (data["status"], data["kind"], data["leverage"], data["symbol"]) == ("done", "leverage", 7, PERP)
    path = f"/v1/accounts/main/operations/{body['client_operation_id']}"
    found = await money.call("GET", path, client="bot")
    assert found.json()["data"]["status"] == "done"
    status, error = await money.error("GET", path, client="other")
    assert (status, error["code"], error["details"]) == (404, "ORDER_NOT_FOUND", {"absence_verified": False})


async def test_the_other_settings_of_a_position(money: Running, bank: Bank) -> None:
    mode = await money.call("PUT", f"{POSITION}/margin-mode", client="bot", json=body_of(margin_mode="isolated"))
    margin = await money.call("POST", f"{POSITION}/margin", client="bot", json=body_of(amount="5.5"))
    assert (mode.json()["data"]["margin_mode"], margin.json()["data"]["amount"]) == ("isolated", "5.5")
    status, error = await money.error(
        "POST", f"{POSITION}/margin", client="bot", json=body_of(amount="5.5", direction="reduce")
    )
    assert (status, error["code"], error["outcome"]) == (400, "NOT_SUPPORTED", "not_sent")


async def test_no_answer_is_unknown_and_the_venues_no_is_a_refusal(money: Running, bank: Bank) -> None:
    async def silence() -> None:
        raise OutcomeUnknown(VENUE, "no answer")

    async def no() -> None:
        raise InvalidRequest(VENUE, "no", venue_code="NO")

    bank.before_answer = silence
    answer = await signed(money, WITHDRAWALS, withdrawal())
    assert (answer.status_code, answer.json()["data"]["status"]) == (202, "unknown")
    bank.on_arrival = no
    error = (await signed(money, WITHDRAWALS, withdrawal())).json()["error"]
    assert (error["code"], error["outcome"], error["venue_code"]) == ("ORDER_REJECTED", "rejected", "NO")
    assert error["retryable"] is False


async def test_a_venue_without_operations_refuses_before_anything_is_spent(gateway: Running) -> None:
    path = "/v1/accounts/main/positions/SOL-USDC/leverage"
    status, error = await gateway.error("PUT", path, client="bot", json=body_of(leverage=2))
    assert (status, error["code"], error["details"]) == (400, "NOT_SUPPORTED", {"supported": []})
    status, error = await gateway.error("GET", "/v1/accounts/main/deposits", client="bot")
    assert (status, error["code"]) == (400, "NOT_SUPPORTED")


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("leverage", {"leverage": 11}, "leverage"),
        ("leverage", {"leverage": "5"}, "leverage"),
        ("leverage", {"leverage": 5.0}, "leverage"),
        ("leverage", {"leverage": 0}, "leverage"),
        ("margin-mode", {"margin_mode": "both"}, "margin_mode"),
        ("leverage", {"leverage": 5, "client_operation_id": "a:b"}, "client_operation_id"),
    ],
)
async def test_what_cannot_be_set_is_named(
    money: Running, bank: Bank, path: str, body: dict[str, Any], field: str
) -> None:
    status, error = await money.error("PUT", f"{POSITION}/{path}", client="bot", json=body_of() | body)
    assert (status, error["field"], error["outcome"], bank.sends) == (400, field, "not_sent", [])


async def test_a_withdrawal_takes_scope_signature_and_a_configured_address(money: Running, bank: Bank) -> None:
    done = await signed(money, WITHDRAWALS, withdrawal())
    assert (done.status_code, done.json()["data"]["status"], done.json()["data"]["amount"]) == (201, "done", "20.5")
    assert "treasury-address" not in done.text
    assert "second_factor" not in done.text
    listed = await money.call("GET", WITHDRAWALS, client="bot")
    assert done.json()["data"]["venue_operation_id"] in {one["venue_id"] for one in listed.json()["data"]["items"]}
    bank.sends.clear()
    status, error = await money.error("POST", WITHDRAWALS, client="banker", json=withdrawal())
    assert (status, error["code"], error["outcome"]) == (401, "INVALID_SIGNATURE", "not_sent")
    refused = [
        await signed(money, WITHDRAWALS, withdrawal(), client="signer"),
        await signed(money, "/v1/accounts/second/withdrawals", withdrawal()),
        await signed(money, WITHDRAWALS, withdrawal(destination="treasury-address")),
        await signed(money, WITHDRAWALS, withdrawal() | {"address": "mine"}),
    ]
    codes = [one.json()["error"]["code"] for one in refused]
    assert codes == ["PERMISSION_DENIED", "PERMISSION_DENIED", "INVALID_PARAMETER", "INVALID_PARAMETER"]
    assert bank.sends == []


async def test_a_store_that_has_just_begun_lets_nobody_withdraw(money: Running, bank: Bank) -> None:
    memory, store = keys.operation_memory(VENUE, AccountName("main")), money.services.store
    await store.command("DEL", memory)
    try:
        answer = await signed(money, WITHDRAWALS, withdrawal())
    finally:
        await store.command("HSET", memory, "since_ms", 1)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["outcome"]) == (503, "ACCOUNT_NOT_READY", "not_sent")
    assert 500 < int(answer.headers["retry-after"]) <= 604
    assert bank.sends == []


async def test_every_step_is_an_event_with_the_client_that_asked(money: Running, bank: Bank) -> None:
    body = withdrawal(amount="31", other_than=["w77"])
    done = (await signed(money, WITHDRAWALS, body)).json()["data"]
    path = "/v1/accounts/main/events?kind=operation&limit=100"
    events = (await money.call("GET", path, client="banker")).json()["data"]["items"]
    mine = [one for one in events if one["data"]["client_operation_id"] == body["client_operation_id"]]
    assert [(one["client"], one["data"]["status"], one["data"]["amount"]) for one in mine] == [
        ("banker", "pending", "31"),
        ("banker", "done", "31"),
    ]
    assert mine[-1]["data"] == done
    assert (await signed(money, WITHDRAWALS, body | {"other_than": []})).json()["data"] == done
    assert (await money.call("GET", path, client="other")).json()["data"]["items"] == []
    audit = (await money.call("GET", "/v1/admin/audit?account=main&kind=operation&limit=100", client="auditor")).json()
    assert mine[-1] in audit["data"]["items"]


async def test_the_ledger_goes_on_by_cursor(money: Running) -> None:
    exchange, path = money.exchange, "/v1/accounts/main/ledger"
    assert isinstance(exchange, Money)
    exchange.books.entries = [
        LedgerEntry(str(number), LedgerKind.FUNDING_FEE, "USDC", Decimal("-0.10") * number, number * 1_000_000)
        for number in (3, 2, 1)
    ]
    first = (await money.call("GET", f"{path}?from=5&to=9&limit=2", client="reader")).json()
    assert exchange.books.asked == [(5, 9)]
    data = first["data"]
    told = [(one["venue_id"], one["kind"], one["amount"], one["timestamp"]) for one in data["items"]]
    assert told == [("3", "funding_fee", "-0.3", 3_000), ("2", "funding_fee", "-0.2", 2_000)]
    assert (data["has_next"], data["total"], first["meta"]["source"]) == (True, None, "venue")
    rest = (await money.call("GET", f"{path}?limit=2&cursor={data['cursor']}", client="reader")).json()["data"]
    assert ([one["venue_id"] for one in rest["items"]], rest["has_next"], rest["cursor"]) == (["1"], False, None)
    for query, code, field in (
        ("cursor=x", "INVALID_PARAMETER", "cursor"),
        (f"symbol={PERP}", "NOT_SUPPORTED", "symbol"),
        ("to=never", "INVALID_PARAMETER", "to"),
    ):
        status, error = await money.error("GET", f"{path}?{query}", client="reader")
        assert (status, error["code"], error["field"]) == (400, code, field)


async def test_a_position_is_closed_by_an_order_like_any_other(money: Running, bank: Bank) -> None:
    body = {"client_order_id": fresh_id()}
    closed = await money.call("POST", f"{POSITION}/close", client="bot", json=body)
    order = closed.json()["data"]
    assert (closed.status_code, order["side"], order["quantity"], order["reduce_only"]) == (201, "sell", "1.5", True)
    bank.has_position = False
    again = await money.call("POST", f"{POSITION}/close", client="bot", json=body)
    assert (again.status_code, again.json()["data"]["order_id"]) == (200, order["order_id"])
    status, error = await money.error("POST", f"{POSITION}/close", client="bot", json={"client_order_id": fresh_id()})
    assert (status, error["code"], error["field"], error["outcome"]) == (400, "ORDER_REJECTED", "symbol", "not_sent")


async def test_an_id_of_another_order_cannot_close(money: Running, bank: Bank) -> None:
    body = limit_body(symbol=PERP)
    await money.call("POST", "/v1/orders", client="bot", json=body)
    given = {"client_order_id": body["client_order_id"]}
    status, error = await money.error("POST", f"{POSITION}/close", client="bot", json=given)
    assert (status, error["code"]) == (409, "IDEMPOTENCY_CONFLICT")


async def test_without_addresses_in_the_configuration_a_key_that_may_withdraw_moves_nothing(
    money: Running, bank: Bank, tmp_path: Path
) -> None:
    error = (await signed(money, "/v1/accounts/second/withdrawals", withdrawal())).json()["error"]
    assert (error["code"], "names no address" in error["message"], bank.sends) == ("PERMISSION_DENIED", True, [])
