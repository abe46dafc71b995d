"""A halt: what it stops, and for whom. Pure."""

from enum import StrEnum

import msgspec

from adapters.models import AccountName, Symbol, VenueName
from gateway.errors import Code, Outcome, Refusal


class HaltScope(StrEnum):
    """What a halt's name is the name of."""

    GLOBAL = "global"
    """Of nothing: it concerns all."""
    VENUE = "venue"
    DESK = "desk"
    ACCOUNT = "account"
    CLIENT = "client"
    SYMBOL = "symbol"


class Mode(StrEnum):
    """What a halt stops. Cancels always pass."""

    NO_NEW = "no_new"
    """New orders."""
    REDUCE_ONLY = "reduce_only"
    """New orders, but those that only reduce a position."""
    FREEZE = "freeze"
    """Whatever changes money: new orders, amendments and other writes."""


class Halt(msgspec.Struct, frozen=True, kw_only=True):
    """One halt as it was set; there is one at a time for a scope and name."""

    id: str
    scope: HaltScope
    name: str
    mode: Mode
    cancel_open: bool
    reason: str
    until_ms: int | None
    """By Redis' clock."""
    set_ms: int
    set_by: str

    @property
    def field(self) -> str:
        """Under which it is kept."""
        return f"{self.scope}:{self.name}"

    def is_over(self, redis_ms: int) -> bool:
        return self.until_ms is not None and redis_ms >= self.until_ms

    def stops_order(self, *, is_reduce_only: bool) -> bool:
        return not (self.mode is Mode.REDUCE_ONLY and is_reduce_only)

    def refusal(self, venue: VenueName) -> Refusal:
        """The answer to what it stops."""
        whom = "everything" if self.scope is HaltScope.GLOBAL else f"{self.scope} {self.name}"
        passes = "reduce-only orders and cancels" if self.mode is Mode.REDUCE_ONLY else "cancels"
        return Refusal(
            Code.TRADING_HALTED,
            f"trading is halted for {whom}: {self.reason}; only {passes} pass",
            details={
                "scope": self.scope,
                "name": self.name,
                "mode": self.mode,
                "reason": self.reason,
                "until": self.until_ms,
            },
            outcome=Outcome.NOT_SENT,
            venue=venue,
        )


def fields(
    venue: VenueName, account: AccountName, client: str, desk: str | None, symbol: Symbol | None
) -> tuple[str, ...]:
    """Under which the halts are kept that concern a client's write; `symbol` None if it is about no market."""
    named: list[tuple[HaltScope, str]] = [
        (HaltScope.GLOBAL, ""),
        (HaltScope.VENUE, venue),
        (HaltScope.ACCOUNT, account),
        (HaltScope.CLIENT, client),
    ]
    if desk is not None:
        named.append((HaltScope.DESK, desk))
    if symbol is not None:
        named.append((HaltScope.SYMBOL, symbol))
    return tuple(f"{scope}:{name}" for scope, name in named)


def encode(halt: Halt) -> bytes:
    """As Redis keeps it: what its scripts read comes first, as words."""
    return f"{halt.mode} {halt.until_ms or 0} ".encode() + msgspec.json.encode(halt)


def decode(kept: bytes) -> Halt:
    """Read it back. Raises `msgspec.MsgspecError` and `ValueError` for anything else."""
    _, _, body = kept.split(b" ", 2)
    return msgspec.json.decode(body, type=Halt)
