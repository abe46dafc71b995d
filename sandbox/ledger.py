"""What really happened at the venue, for a test to compare with what a client believes. Pure."""

import re
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sandbox.matching import Order
from sandbox.matching.events import Event, OrderEvent, OrderEventKind

SECRETS = re.compile(r"\b((?:[a-z_-]*_)?(?:key|secret|signature|token))=[^&]*", re.IGNORECASE)
MOST_CLIENT_IDS = 100
CLIENT_IDS = re.compile(rb'"(?:clientId|client_order_id)"\s*:\s*"?([^\s",}\]]+)')


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it arrived and as it was answered; `status` 0 means that no answer was given.

    `refused` says why it was turned away at the door, where it was; `client_ids` are those of the orders in it.
    """

    time_us: int
    method: str
    path: str
    caller: str
    account: str | None
    request_class: str
    status: int
    fault: str | None
    query: str = ""
    refused: str | None = None
    client_ids: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "time": self.time_us // 1000,
            "time_us": self.time_us,
            "method": self.method,
            "path": self.path,
            "query": SECRETS.sub(r"\1=…", self.query),
            "caller": self.caller,
            "account": self.account,
            "class": self.request_class,
            "status": self.status,
            "refused": self.refused,
            "client_ids": self.client_ids,
            "fault": self.fault,
        }


def client_ids_in(body: bytes) -> tuple[str, ...]:
    """What a request's body calls its orders, in either venue's words."""
    if b"client" not in body:
        return ()
    found = islice(CLIENT_IDS.finditer(body), MOST_CLIENT_IDS)
    return tuple(match[1].decode(errors="replace") for match in found)


_ACCEPTANCES = (OrderEventKind.ACCEPTED, OrderEventKind.TRIGGER_PLACED)


class Ledger:
    """Keeps the last requests and accepted orders, and totals of all of them and of logins."""

    def __init__(self, size: int) -> None:
        self.write_order_id: Callable[[Order], str] = lambda order: str(order.id)
        self._requests: deque[Seen] = deque(maxlen=size)
        self._by_status: Counter[int] = Counter()
        self._by_call: Counter[str] = Counter()
        self._orders: defaultdict[str, deque[tuple[int, Order]]] = defaultdict(lambda: deque(maxlen=size))
        self._accepted: Counter[str] = Counter()
        self._logins: Counter[str] = Counter()
        self._expired_tokens: Counter[str] = Counter()

    def record_request(self, seen: Seen) -> None:
        self._requests.append(seen)
        self._by_status[seen.status] += 1
        self._by_call[f"{seen.method} {seen.path}"] += 1

    def record_login(self, account: str) -> None:
        """A token was handed out."""
        self._logins[account] += 1

    def record_expired_token(self, account: str) -> None:
        """A request or a socket came with a token that is no longer good."""
        self._expired_tokens[account] += 1

    def record_events(self, events: Iterable[Event], now_us: int) -> None:
        """Listens to the simulation: remembers every order that was accepted from an account.

        What the venue places by itself in the wake of one (a fired trigger's order, a bracket's legs) is none of these.
        """
        for event in events:
            if isinstance(event, OrderEvent) and event.kind in _ACCEPTANCES and event.order.related is None:
                order = event.order
                self._accepted[order.account.name] += 1
                self._orders[order.account.name].append((now_us // 1000, order))

    def totals(self) -> dict[str, Any]:
        return {
            "requests": sum(self._by_status.values()),
            "by_status": {str(status): count for status, count in sorted(self._by_status.items())},
            "by_call": dict(sorted(self._by_call.items())),
            "orders_accepted": dict(sorted(self._accepted.items())),
            "logins": dict(sorted(self._logins.items())),
            "expired_tokens": dict(sorted(self._expired_tokens.items())),
        }

    def requests(self, *, account: str | None, since_ms: int) -> list[dict[str, Any]]:
        return [
            seen.as_json()
            for seen in self._requests
            if seen.time_us >= since_ms * 1000 and (account is None or seen.account == account)
        ]

    def orders(self, *, account: str | None, since_ms: int) -> dict[str, Any]:
        """Accepted orders by account, oldest first, with the count of all there ever were."""
        names = [name for name in self._accepted if account is None or account == name]
        return {
            name: {
                "accepted": self._accepted[name],
                "orders": [self._shown(time, order) for time, order in self._orders[name] if time >= since_ms],
            }
            for name in sorted(names)
        }

    def _shown(self, accepted_ms: int, order: Order) -> dict[str, Any]:
        """What was asked for, and what has become of it by now."""
        request = order.request
        return {
            "time": accepted_ms,
            "account": order.account.name,
            "order_id": self.write_order_id(order),
            "client_id": request.client_id,
            "symbol": order.market.symbol,
            "side": order.side.value,
            "type": request.type.value,
            "time_in_force": request.time_in_force.value,
            "price": None if request.price is None else format(request.price, "f"),
            "quantity": None if request.quantity is None else format(request.quantity, "f"),
            "executed": format(order.executed, "f"),
            "status": order.status.value,
        }
