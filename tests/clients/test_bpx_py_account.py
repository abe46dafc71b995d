"""bpx-py looks at an account, in both flavours: means, positions, deposits, withdrawals, funding."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.clients.bpx_py import FLAVOURS, PERP, SPOT, Bpx, account_of, pointed_at
from tests.clients.ccxt_python import answer
from tests.clients.venue import ADDRESS, Keys, Venue


@pytest.mark.calls("get_account", "update_account")
async def test_the_leverage_limit_of_an_account_can_be_changed(bpx: Bpx) -> None:
    """The venue answers a change with nothing at all."""
    assert await answer(bpx.account.update_account(leverage_limit="5")) == ""
    assert (await answer(bpx.account.get_account()))["leverageLimit"] == "5"


@pytest.mark.calls("get_balances", "get_collateral")
async def test_balances_and_collateral_tell_of_the_same_money(bpx: Bpx) -> None:
    assert (await answer(bpx.account.get_balances()))["USDC"]["available"] == "1000000"
    collateral = await answer(bpx.account.get_collateral())
    [usdc] = [row for row in collateral["collateral"] if row["symbol"] == "USDC"]
    assert usdc["totalQuantity"] == "1000000"
    assert float(collateral["netEquity"]) >= 1_000_000


@pytest.mark.calls("get_max_order_quantity")
async def test_the_largest_order_is_what_the_account_can_pay(bpx: Bpx) -> None:
    limit = await answer(bpx.account.get_max_order_quantity(SPOT, "Bid", "100"))
    assert 9_900 <= float(limit["maxOrderQuantity"]) <= 10_000


@pytest.mark.calls("get_max_order_quantity: reduce only")
async def test_a_flag_in_a_question_goes_through_in_one_flavour_only(bpx: Bpx) -> None:
    """It travels as `False` and is signed as `false`, which the venue accepts; the other flavour cannot send it."""

    def ask() -> Any:
        return bpx.account.get_max_order_quantity(SPOT, "Bid", "100", reduce_only=False)

    if bpx.is_async:
        with pytest.raises(TypeError):
            await ask()
    else:
        assert float(ask()["maxOrderQuantity"]) > 0


@pytest.mark.calls("get_max_borrow_quantity", "get_max_withdrawal_quantity")
async def test_the_account_knows_what_it_may_withdraw_and_borrow(bpx: Bpx) -> None:
    limit = await answer(bpx.account.get_max_withdrawal_quantity("USDC"))
    assert 0 < float(limit["maxWithdrawalQuantity"]) <= 1_000_000
    assert float((await answer(bpx.account.get_max_borrow_quantity("SOL")))["maxBorrowQuantity"]) >= 0


@pytest.mark.calls("get_borrow_lend_positions", "get_borrow_history", "get_interest_history")
async def test_nothing_was_lent_or_borrowed(bpx: Bpx) -> None:
    assert await answer(bpx.account.get_borrow_lend_positions()) == []
    assert await answer(bpx.account.get_borrow_history()) == []
    assert await answer(bpx.account.get_interest_history()) == []


@pytest.mark.calls("get_open_positions")
async def test_an_open_position_is_shown(bpx: Bpx) -> None:
    await bpx.bought(PERP)
    [position] = await answer(bpx.account.get_open_positions())
    assert (position["symbol"], position["netQuantity"]) == (PERP, "0.1")


@pytest.mark.calls("get_deposits", "get_deposit_address")
async def test_a_deposit_is_shown(bpx: Bpx, venue: Venue, keys: Keys) -> None:
    venue.control("transfers", {"account": keys.account, "asset": "USDC", "amount": "250"})
    [deposit] = await answer(bpx.account.get_deposits())
    assert (deposit["symbol"], deposit["quantity"], deposit["status"]) == ("USDC", "250", "confirmed")
    assert (await answer(bpx.account.get_deposit_address("Solana")))["address"]


def withdrawal(address: str, **more: Any) -> dict[str, Any]:
    """Named, for the flavours disagree about the order of these arguments."""
    return {"address": address, "symbol": "USDC", "blockchain": "Solana", "quantity": "10"} | more


@pytest.mark.calls("withdrawal: refused", "get_withdrawals")
async def test_a_key_without_the_right_cannot_withdraw(bpx: Bpx) -> None:
    refusal = await answer(bpx.account.withdrawal(**withdrawal(ADDRESS)))
    assert refusal["code"] == "FORBIDDEN"
    assert await answer(bpx.account.get_withdrawals()) == []


@pytest.mark.calls("withdrawal")
async def test_a_withdrawal_goes_out_to_the_address_book_only(bpx: Bpx, venue: Venue) -> None:
    account = account_of(bpx.account_class, venue.keys["withdrawer"])
    sent = await answer(account.withdrawal(**withdrawal(ADDRESS, client_id=12)))
    assert (sent["quantity"], sent["toAddress"], sent["symbol"]) == ("10", ADDRESS, "USDC")
    assert sent["id"] in {row["id"] for row in await answer(account.get_withdrawals())}
    assert (await answer(account.withdrawal(**withdrawal(ADDRESS[::-1]))))["code"] == "FORBIDDEN"


@pytest.mark.calls("get_profit_and_loss_history")
async def test_the_history_of_profit_and_loss_is_gone(bpx: Bpx) -> None:
    """The venue took the path away; bpx-py still calls it."""
    assert (await answer(bpx.account.get_profit_and_loss_history()))["code"] == "RESOURCE_NOT_FOUND"


@pytest.mark.calls("get_balances: bad signature")
async def test_a_wrong_secret_is_an_answer_like_any_other(bpx: Bpx, keys: Keys) -> None:
    account = bpx.account_class(keys.public, "A" * 43 + "=")
    assert await answer(account.get_balances()) == {"code": "INVALID_CLIENT_REQUEST", "message": "Invalid signature"}


# -- what a full hour leaves -------------------------------------------------------------------------------------------


@pytest.fixture
def settled_account(flavour: str, settled: Venue) -> Iterator[Any]:
    _, account = FLAVOURS[flavour]
    with pointed_at(settled):
        yield account_of(account, settled.keys["desk-b"])


@pytest.mark.calls("get_funding_payments", "get_settlements_history")
async def test_a_funding_payment_is_also_a_settlement(settled_account: Any) -> None:
    [payment, *_] = await answer(settled_account.get_funding_payments())
    assert (payment["symbol"], payment["fundingRate"]) == (PERP, "0.0001")
    assert -0.04 < float(payment["quantity"]) < -0.02
    settlements = await answer(settled_account.get_settlements_history())
    assert payment["quantity"] in {row["quantity"] for row in settlements if row["source"] == "FundingPayment"}


@pytest.mark.calls("get_funding_interval_rates")
async def test_the_settled_rate_is_in_the_history(flavour: str, settled: Venue) -> None:
    """The synchronous flavour takes an offset and does not send it."""
    with pointed_at(settled):
        [rate, *_] = await answer(FLAVOURS[flavour][0]().get_funding_interval_rates(PERP))
    assert (rate["symbol"], rate["fundingRate"]) == (PERP, "0.0001")
