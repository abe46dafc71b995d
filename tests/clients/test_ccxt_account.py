"""ccxt for Python looks at an account: balances, positions, funding, deposits and withdrawals."""

from typing import Any

import ccxt
import pytest

from sandbox.config import LimitConfig, SandboxConfig
from tests.clients.ccxt_python import PERP, answer, redirect
from tests.clients.venue import ADDRESS, Keys, Venue, started


@pytest.mark.calls("fetch_balance")
async def test_balances_are_free_used_and_total(exchange: Any) -> None:
    balance = await answer(exchange.fetch_balance())
    assert balance["USDC"] == {"free": 1_000_000, "used": 0, "total": 1_000_000}
    assert balance["total"].keys() == {"USDC", "SOL", "BTC"}


@pytest.mark.calls("fetch_positions")
async def test_a_short_position_is_short(exchange: Any) -> None:
    order = await answer(exchange.create_order(PERP, "market", "sell", 0.4))
    [position] = await answer(exchange.fetch_positions())
    assert (position["symbol"], position["side"], float(position["contracts"])) == (PERP, "short", 0.4)
    assert float(position["entryPrice"]) == pytest.approx(order["average"], abs=0.01)
    assert float(position["notional"]) == pytest.approx(order["cost"], rel=0.01)
    assert await answer(exchange.fetch_positions(["BTC/USDC:USDC"])) == []


@pytest.mark.calls("fetch_deposits")
async def test_a_deposit_is_shown(exchange: Any, venue: Venue, keys: Keys) -> None:
    venue.control("transfers", {"account": keys.account, "asset": "USDC", "amount": "250"})
    [deposit] = await answer(exchange.fetch_deposits("USDC"))
    assert (deposit["currency"], deposit["amount"], deposit["status"]) == ("USDC", 250, "ok")
    assert (await answer(exchange.fetch_balance()))["USDC"]["total"] == 1_000_250


@pytest.mark.calls("fetch_deposits: until")
async def test_the_upper_bound_of_deposits_is_not_one_the_venue_knows(exchange: Any, venue: Venue, keys: Keys) -> None:
    """ccxt sends it as `endTime`; the venue's word is `to`, so nothing is left out."""
    venue.control("transfers", {"account": keys.account, "asset": "USDC", "amount": "250"})
    assert len(await answer(exchange.fetch_deposits("USDC", params={"until": 1}))) == 1


@pytest.mark.calls("fetch_deposit_address")
async def test_a_network_has_a_deposit_address(exchange: Any) -> None:
    found = await answer(exchange.fetch_deposit_address("USDC", {"network": "SOL"}))
    assert found["address"]
    assert found["currency"] == "USDC"


@pytest.mark.calls("withdraw: OperationRejected")
async def test_a_key_without_the_right_cannot_withdraw(exchange: Any) -> None:
    with pytest.raises(ccxt.OperationRejected, match="FORBIDDEN"):
        await answer(exchange.withdraw("USDC", 10, ADDRESS, {"network": "SOL"}))
    assert (await answer(exchange.fetch_balance()))["USDC"]["total"] == 1_000_000


@pytest.mark.calls("withdraw: OperationRejected")
async def test_money_goes_to_no_address_outside_the_address_book(exchange: Any, venue: Venue) -> None:
    redirect(exchange, venue, venue.keys["withdrawer"])
    with pytest.raises(ccxt.OperationRejected, match="FORBIDDEN"):
        await answer(exchange.withdraw("USDC", 10, ADDRESS[::-1], {"network": "SOL"}))


@pytest.mark.calls("withdraw", "fetch_withdrawals")
async def test_a_withdrawal_to_the_address_book_goes_out_and_is_listed(exchange: Any, venue: Venue) -> None:
    """The tag travels as the venue's client id."""
    redirect(exchange, venue, venue.keys["withdrawer"])
    sent = await answer(exchange.withdraw("USDC", 10, ADDRESS, {"network": "SOL", "tag": "rent"}))
    assert (sent["amount"], sent["addressTo"], sent["currency"]) == (10, ADDRESS, "USDC")
    assert sent["info"]["clientId"] == "rent"
    assert sent["id"] in {row["id"] for row in await answer(exchange.fetch_withdrawals("USDC"))}


@pytest.mark.calls("fetch_withdrawals")
async def test_an_account_that_never_withdrew_has_no_withdrawals(exchange: Any) -> None:
    assert await answer(exchange.fetch_withdrawals()) == []


@pytest.mark.calls("create_order: InsufficientFunds")
@pytest.mark.parametrize("symbol", ["SOL/USDC", PERP], ids=["spot", "perp"])
async def test_an_order_beyond_the_accounts_means_is_refused(exchange: Any, venue: Venue, symbol: str) -> None:
    redirect(exchange, venue, venue.keys["desk-poor"])
    with pytest.raises(ccxt.InsufficientFunds, match="INSUFFICIENT"):
        await answer(exchange.create_order(symbol, "market", "buy", 50))


@pytest.mark.calls("create_order: InvalidOrder")
async def test_a_price_far_from_the_market_is_refused(exchange: Any) -> None:
    with pytest.raises(ccxt.InvalidOrder, match="too far"):
        await answer(exchange.create_order("SOL/USDC", "limit", "sell", 1, 900))


@pytest.mark.calls("create_order: BadRequest")
async def test_a_trigger_by_a_price_that_is_none_is_refused(exchange: Any) -> None:
    params = {"triggerPrice": 100, "triggerBy": "Weather"}
    with pytest.raises(ccxt.BadRequest, match="TriggerBy"):
        await answer(exchange.create_order(PERP, "market", "sell", 1, None, params))


@pytest.mark.calls("fetch_balance: AuthenticationError")
async def test_a_key_nobody_knows_is_an_authentication_error(exchange: Any) -> None:
    exchange.apiKey = "A" * 43 + "="
    with pytest.raises(ccxt.AuthenticationError, match="UNAUTHORIZED"):
        await answer(exchange.fetch_balance())


@pytest.mark.calls("fetch_balance: bad signature")
async def test_a_wrong_secret_is_only_a_bad_request(exchange: Any) -> None:
    """The venue's code for a wrong signature is the one it has for every malformed request."""
    exchange.secret = "A" * 43 + "="
    with pytest.raises(ccxt.BadRequest, match="Invalid signature"):
        await answer(exchange.fetch_balance())


@pytest.mark.calls("fetch_funding_history")
async def test_a_long_position_has_paid_a_positive_funding_rate(exchange: Any, settled: Venue) -> None:
    redirect(exchange, settled, settled.keys["desk-a"])
    [payment, *_] = await answer(exchange.fetch_funding_history(PERP))
    assert (payment["symbol"], payment["rate"]) == (PERP, 0.0001)
    assert payment["amount"] == pytest.approx(-2 * 150 * 0.0001, rel=0.02)
    assert payment["timestamp"] % 3_600_000 == 0


@pytest.mark.calls("fetch_funding_rate_history")
async def test_a_settled_rate_is_in_the_history(exchange: Any, settled: Venue) -> None:
    redirect(exchange, settled, settled.keys["desk-a"])
    *_, rate = await answer(exchange.fetch_funding_rate_history(PERP))
    assert (rate["fundingRate"], rate["symbol"]) == (0.0001, PERP)


@pytest.mark.calls("fetch_balance: RateLimitExceeded")
async def test_too_many_requests_are_told_apart(exchange: Any) -> None:
    with started(SandboxConfig(makers=False, book_levels=5, limits=LimitConfig(limits={"standard": 5}))) as narrow:
        redirect(exchange, narrow, narrow.keys["desk-a"])
        for _ in range(5):
            await answer(exchange.fetch_balance())
        with pytest.raises(ccxt.RateLimitExceeded, match="TOO_MANY_REQUESTS"):
            await answer(exchange.fetch_balance())
