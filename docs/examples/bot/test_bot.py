"""The bot against a whole Crossgate and a simulated Backpack, which the fixture `crossgate_stack` starts and stops."""

from collections.abc import Iterator

import pytest
from bot import Bot, Refused

SYMBOL = "SOL-USDC-PERP"
PLACING = {"method": "POST", "path": "/api/v1/order"}


@pytest.fixture
def bot(crossgate_stack) -> Iterator[Bot]:
    bot = Bot(crossgate_stack.url, crossgate_stack.token(), crossgate_stack.accounts[0], SYMBOL)
    yield bot
    crossgate_stack.venues["backpack"].control.clear_faults()
    bot.cancel_all()
    bot.close()


def accepted(crossgate_stack) -> int:
    """How many orders the exchange really took from our account."""
    orders = crossgate_stack.venues["backpack"].control.ledger("desk-a")["orders"]
    return orders["desk-a"]["accepted"] if orders else 0


def test_it_quotes_both_sides(bot: Bot) -> None:
    bid, ask = bot.quote("both-sides", *bot.prices())
    assert (bid["side"], bid["status"]) == ("buy", "pending")
    assert (ask["side"], ask["status"]) == ("sell", "pending")
    assert {order["order_id"] for order in bot.open_orders()} == {bid["order_id"], ask["order_id"]}


def test_asking_twice_quotes_once(bot: Bot, crossgate_stack) -> None:
    before = accepted(crossgate_stack)
    prices = bot.prices()
    first, again = bot.quote("twice", *prices), bot.quote("twice", *prices)
    assert [order["order_id"] for order in again] == [order["order_id"] for order in first]
    assert accepted(crossgate_stack) == before + 2


def test_an_order_whose_answer_is_lost_is_placed_once(bot: Bot, crossgate_stack) -> None:
    before = accepted(crossgate_stack)
    venue = crossgate_stack.venues["backpack"].control
    venue.fault({"close": True}, match=PLACING, when="after_execute", count=1)
    bid, ask = bot.quote("lost-answer", *bot.prices())
    assert [bid["status"], ask["status"]] == ["pending", "pending"]
    assert accepted(crossgate_stack) == before + 2


def test_an_exchange_that_refuses_leaves_nothing_behind(bot: Bot, crossgate_stack) -> None:
    before = accepted(crossgate_stack)
    refusal = {"status": 400, "body": {"code": "INSUFFICIENT_FUNDS", "message": "Insufficient funds"}}
    crossgate_stack.venues["backpack"].control.fault(refusal, match=PLACING)
    with pytest.raises(Refused, match="INSUFFICIENT_BALANCE"):
        bot.quote("refused", *bot.prices())
    assert accepted(crossgate_stack) == before
    assert bot.open_orders() == []
