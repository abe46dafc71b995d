"""Every movement of an account's balance: money in and out, profits and fees fill by fill, funding, liquidation.

The first deposit is what the account starts with.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sandbox.matching import Engine
from sandbox.matching.events import Event, Fill, FundingPaid, Liquidated, OrderEvent, Transfer
from sandbox.zanbara.calls import Call
from sandbox.zanbara.markets import CASH
from sandbox.zanbara.order_wire import trade_id
from sandbox.zanbara.wallet import Wallet
from sandbox.zanbara.wire import fixed

TYPES = (
    *("deposit", "withdrawal", "realized_pnl", "trading_fee", "funding_fee", "liquidation_fee"),
    "referral_rebate",
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One movement; `balance` is what it left."""

    number: int
    kind: str
    amount: Decimal
    balance: Decimal
    symbol: str | None
    reference_id: str | None
    time_us: int


class AccountLedger:
    """Listens to the simulation and keeps watched accounts' movements, oldest first."""

    def __init__(self, engine: Engine, wallet: Wallet) -> None:
        self._markets = engine.markets
        self._wallet = wallet
        self._entries: dict[str, list[Entry]] = {}
        self._next_number = 1
        for account in engine.accounts.values():
            for deposit in wallet.deposits(account.name):
                self._add(account.name, "deposit", deposit.amount, deposit.time_us, reference=deposit.id)

    def on_events(self, events: list[Event], now_us: int) -> None:
        for event in events:
            match event:
                case OrderEvent(fill=Fill() as fill):
                    self._record_fill(fill)
                case FundingPaid():
                    symbol = event.settled.symbol
                    self._add(event.account.name, "funding_fee", event.amount, event.time_us, symbol=symbol)
                case Liquidated():
                    self._record_liquidation(event)
                case Transfer() if event.asset == CASH and event.account.watched:
                    kind, reference = "deposit" if event.amount > 0 else "withdrawal", self._wallet.recorded(event)
                    self._add(event.account.name, kind, event.amount, event.time_us, reference=reference)

    def entries(self, call: Call) -> Any:
        query = call.query
        page, symbol = query.page(), query.symbol(self._markets)
        kind, (start_ms, end_ms) = query.choice("type", TYPES), query.times_ms()
        rows = [
            entry
            for entry in reversed(self._entries.get(call.account.name, []))
            if (symbol is None or entry.symbol == symbol)
            and (kind is None or entry.kind == kind)
            and start_ms <= entry.time_us // 1000 <= end_ms
        ]
        return page.of_list(rows, _written)

    def _record_fill(self, fill: Fill) -> None:
        name, symbol = fill.order.account.name, fill.order.market.symbol
        reference = trade_id(symbol, fill.trade_id)
        for kind, amount in (("realized_pnl", fill.realized), ("trading_fee", -fill.fee)):
            if amount:
                self._add(name, kind, amount, fill.time_us, symbol=symbol, reference=reference)

    def _record_liquidation(self, event: Liquidated) -> None:
        """The fee, and what the insurance fund gave back of it where there was less."""
        for amount in (-event.fee, event.covered):
            if amount:
                self._add(event.account.name, "liquidation_fee", amount, event.time_us, symbol=event.symbol)

    def _add(
        self,
        name: str,
        kind: str,
        amount: Decimal,
        time_us: int,
        *,
        symbol: str | None = None,
        reference: str | None = None,
    ) -> None:
        entries = self._entries.setdefault(name, [])
        before = entries[-1].balance if entries else Decimal(0)
        entries.append(Entry(self._next_number, kind, amount, before + amount, symbol, reference, time_us))
        self._next_number += 1


def _written(entry: Entry) -> dict[str, Any]:
    return {
        "id": f"led_{entry.number:016}",
        "type": entry.kind,
        "asset": CASH,
        "amount": fixed(entry.amount),
        "balance": fixed(entry.balance),
        "symbol": entry.symbol,
        "reference_id": entry.reference_id,
        "created_at": entry.time_us // 1000,
    }
