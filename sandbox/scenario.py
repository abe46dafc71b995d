"""What a test does to a market by hand: pin its prices, close it, pay money in. Part of the control plane."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from sandbox.matching import Account, MarketState
from sandbox.questions import MISSING, BadQuestion, Question
from sandbox.world import World

GRID = ("tick", "step", "min_price", "min_quantity")
BOUNDS = ("max_price", "max_quantity")  # null is none


def pin_prices(world: World, question: Question) -> Any:
    """Hold a market's index, mark or funding rate where it is said; null lets it go again.

    Makers quote around a pinned index; triggers and liquidations follow at once.
    """
    symbol, engine, now_us = _symbol(world, question), world.simulation.engine, world.clock.now_us()
    pins: dict[str, Callable[[str, Decimal | None], None]] = {
        "index": engine.prices.pin_index,
        "mark": engine.prices.pin_mark,
        "funding_rate": engine.funding.pin,
    }
    if unknown := question.members().keys() - pins.keys() - {"symbol"}:
        raise BadQuestion(f"prices know no {', '.join(sorted(unknown))}")
    for name, pin in pins.items():
        value = question.optional_decimal(name)
        if value is None or isinstance(value, Decimal):
            if value is not None and value <= 0 and name != "funding_rate":
                raise BadQuestion(f"`{name}` is above zero")
            pin(symbol, value)
    world.simulation.advance(now_us)
    world.simulation.follow_prices(now_us)
    return show_prices(world, question)


def show_prices(world: World, question: Question) -> Any:
    """Every market's prices of the moment."""
    engine = world.simulation.engine
    return {
        symbol: {
            "index": str(engine.prices.index(symbol)),
            "mark": str(engine.mark(symbol)),
            "last": str(engine.prices.last(symbol)),
            "funding_rate": str(engine.funding.rate(symbol)) if engine.funding.is_funded(symbol) else None,
            "state": engine.states[symbol].value,
        }
        for symbol in engine.markets
    }


def change_market(world: World, question: Question) -> Any:
    """Say which orders a market takes from now on: its state, its grid, its bounds. Resting orders stay."""
    question.only("symbol", "state", *GRID, *BOUNDS)
    engine, market = world.simulation.engine, world.simulation.engine.markets[_symbol(world, question)]
    changes: dict[str, Any] = {}
    for name in (*GRID, *BOUNDS):
        value = question.optional_decimal(name)
        if value is MISSING:
            continue
        if value is None and name not in BOUNDS:
            raise BadQuestion(f"`{name}` is a number, as text")
        if isinstance(value, Decimal) and value <= 0:
            raise BadQuestion(f"`{name}` is above zero")
        changes[name] = value
    changed = replace(market, **changes)
    for least, most in ((changed.min_price, changed.max_price), (changed.min_quantity, changed.max_quantity)):
        if most is not None and most < least:
            raise BadQuestion(f"a maximum of {most} is below the minimum of {least}")
    state = question.text("state") if "state" in question.members() else engine.states[market.symbol]
    try:
        engine.states[market.symbol] = MarketState(state)
    except ValueError as exc:
        raise BadQuestion(f"`state` is one of {', '.join(MarketState)}") from exc
    if changes:
        engine.change_market(changed)
    return show_prices(world, question)


def transfer(world: World, question: Question) -> Any:
    """Pay money into an account or, negative, out of it."""
    account, amount, asset = _account(world, question), question.decimal("amount"), question.text("asset")
    if account.balances[asset].available + amount < 0:
        raise BadQuestion(f"{account.name} has less {asset} available")
    world.simulation.transfer(account, asset, amount, world.clock.now_us())
    balance = account.balances[asset]
    return {"asset": asset, "available": str(balance.available), "locked": str(balance.locked)}


def _symbol(world: World, question: Question) -> str:
    symbol = question.text("symbol")
    if symbol not in world.simulation.engine.markets:
        raise BadQuestion(f"no market {symbol}")
    return symbol


def _account(world: World, question: Question) -> Account:
    account = world.simulation.engine.accounts.get(question.text("account"))
    if account is None:
        raise BadQuestion(f"no account {question.text('account')}")
    return account
