"""Histories of what is not simulated: lending, strategies, quotes, vaults. Always empty; their filters are read."""

from dataclasses import dataclass

from sandbox.backpack.calls import Call, Route, Routes
from sandbox.backpack.pages import Page, page
from sandbox.backpack.wire import SIDE, STATUS

SIDES = ("Side", tuple(SIDE.values()))
STATUSES = ("OrderStatus", tuple(STATUS.values()))
LEND_SIDES = ("BorrowLendSide", ("Borrow", "Lend"))
LEND_EVENTS = ("BorrowLendEventType", ("Borrow", "BorrowRepay", "Lend", "LendRedeem"))
LEND_STATES = ("BorrowLendPositionState", ("Open", "Closed"))
INTEREST = ("InterestPaymentSource", ("UnrealizedPnl", "BorrowLend"))
RFQ_FILLS = ("RfqFillType", ("User", "CollateralConversion"))


@dataclass(frozen=True, slots=True)
class EmptyHistory:
    """`choices` are its filters by an enumeration: name, and type with values."""

    instruction: str
    choices: tuple[tuple[str, tuple[str, tuple[str, ...]]], ...] = ()
    boolean: str | None = None
    integer: str | None = None

    def answer(self, call: Call) -> Page:
        query = call.query
        for name, (type_name, values) in self.choices:
            query.choice(name, type_name, values)
        query.market_types()
        if self.boolean is not None:
            query.boolean(self.boolean)
        if self.integer is not None:
            query.integer(self.integer, high=2**31 - 1)
        return page(query, (), lambda row: row)


DEFERRED = "deferredSettlement"
EMPTY_HISTORIES = {
    "interest": EmptyHistory("interestHistoryQueryAll", (("source", INTEREST),)),
    "borrowLend": EmptyHistory("borrowHistoryQueryAll", (("type", LEND_EVENTS),)),
    "borrowLend/positions": EmptyHistory(
        "borrowPositionHistoryQueryAll", (("side", LEND_SIDES), ("state", LEND_STATES))
    ),
    "dust": EmptyHistory("dustHistoryQueryAll", integer="id"),
    "strategies": EmptyHistory("strategyHistoryQueryAll"),
    "rfq": EmptyHistory("rfqHistoryQueryAll", (("status", STATUSES), ("side", SIDES)), boolean=DEFERRED),
    "quote": EmptyHistory("quoteHistoryQueryAll", (("status", STATUSES),), boolean=DEFERRED),
    "rfq/fill": EmptyHistory("rfqFillHistoryQueryAll", (("side", SIDES), ("fillType", RFQ_FILLS)), boolean=DEFERRED),
    "quote/fill": EmptyHistory("quoteFillHistoryQueryAll", (("side", SIDES),)),
    "vault/mint": EmptyHistory("vaultMintHistoryQueryAll"),
    "vault/redeem": EmptyHistory("vaultRedeemHistoryQueryAll"),
}


def empty_routes() -> Routes:
    return {
        ("GET", f"/wapi/v1/history/{name}"): Route(history.answer, history.instruction)
        for name, history in EMPTY_HISTORIES.items()
    }
