"""An order whose id is claimed, with all that sending it takes."""

from dataclasses import dataclass

from adapters.models import Market
from gateway.accounts import Account
from gateway.orders.new_order import NewOrder
from gateway.orders.record import Intent


@dataclass(frozen=True, slots=True)
class Claimed:
    account: Account
    market: Market
    order: NewOrder
    intent: Intent
    nonce: str
