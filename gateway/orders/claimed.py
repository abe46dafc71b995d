"""An order whose id is claimed, with all that sending it takes."""

from dataclasses import dataclass, replace

from adapters.models import Market
from gateway.accounts import Account
from gateway.orders.claiming import Admitted
from gateway.orders.new_order import NewOrder
from gateway.orders.record import Intent, OrderRecord, State
from gateway.orders.settling import now_ms
from gateway.risk.gate import Exposure


@dataclass(frozen=True, slots=True)
class Claimed:
    account: Account
    market: Market
    order: NewOrder
    intent: Intent
    nonce: str
    exposure: Exposure
    """What it counts as."""
    admitted: Admitted | None = None
    """Leave to send it, where that came with the claim."""

    @property
    def record(self) -> OrderRecord:
        """As far as whoever holds the claim has got: nothing of it is sent, whatever leave there is."""
        record = claimed_record(self.intent, self.nonce)
        return record if self.admitted is None else replace(record, version=self.admitted.version)


def claimed_record(intent: Intent, nonce: str) -> OrderRecord:
    """The record of an order as its claim has written it."""
    return OrderRecord(intent, State.CLAIMED, version=1, created_ms=now_ms(), updated_ms=now_ms(), nonce=nonce)
