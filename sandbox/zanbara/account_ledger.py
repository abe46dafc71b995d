"""Every movement of an account's balance: the deposit it starts with, then realized profits and fees, fill by fill."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sandbox.matching import Engine
from sandbox.matching.events import Event, Fill, OrderEvent
from sandbox.zanbara.calls import Call
from sandbox.zanbara.order_wire import trade_id
from sandbox.zanbara.wire import fixed

CASH = "USDC"
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

    def __init__(self, engine: Engine, now_us: int) -> None:
        self._markets = engine.markets
        self._entries: dict[str, list[Entry]] = {}
        self._next_number = 1
        for account in engine.accounts.values():
            if account.watched:
                self._add(account.name, "deposit", account.balances[CASH].available, now_us)

    def on_events(self, events: list[Event], now_us: int) -> None:
        for event in events:
            if isinstance(event, OrderEvent) and event.fill is not None:
                self._record(event.fill)

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

    def _record(self, fill: Fill) -> None:
        name, symbol = fill.order.account.name, fill.order.market.symbol
        reference = trade_id(symbol, fill.trade_id)
        for kind, amount in (("realized_pnl", fill.realized), ("trading_fee", -fill.fee)):
            if amount:
                self._add(name, kind, amount, fill.time_us, symbol=symbol, reference=reference)

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
