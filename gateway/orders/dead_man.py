"""Dead-man switches: whose orders one is about, and which of them a firing covers. Pure.

A firing covers what had been accepted when it began, wherever that has got by then: resting, on its way, unknown.
Orders accepted later are none of its business; both times are Redis' own.
"""

from dataclasses import dataclass

from adapters.models import AccountName
from gateway.orders.record import OrderRecord

SESSION_LABEL = "session:"
"""An order with the label `session:NAME` belongs to the session NAME."""


@dataclass(frozen=True, slots=True)
class Switch:
    """One client's switch on one account."""

    account: AccountName
    client: str
    session: str = ""
    """Empty: all of the client's orders, whatever session they belong to."""

    @property
    def name(self) -> str:
        return "/".join((self.account, self.client, self.session))

    @classmethod
    def read(cls, name: str) -> "Switch":
        account, client, session = name.split("/")
        return cls(AccountName(account), client, session)


@dataclass(frozen=True, slots=True)
class Firing:
    """A switch that was not renewed in time: what it stood for when it fired."""

    switch: Switch
    fired_ms: int
    exempt: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return "/".join((str(self.fired_ms), self.switch.name, exempt_text(self.exempt)))

    @classmethod
    def read(cls, name: str) -> "Firing":
        fired_ms, _, rest = name.partition("/")
        switch, _, exempt = rest.rpartition("/")
        return cls(Switch.read(switch), int(fired_ms), exempt_labels(exempt))

    def covers(self, record: OrderRecord) -> bool:
        """Whether this order is to end."""
        intent, switch = record.intent, self.switch
        return (
            (intent.account, intent.owner) == (switch.account, switch.client)
            and record.created_ms <= self.fired_ms
            and (not switch.session or SESSION_LABEL + switch.session in intent.labels)
            and self.exempt.isdisjoint(intent.labels)
        )


def exempt_text(labels: frozenset[str]) -> str:
    """Labels as Redis keeps them: no label holds a comma or a slash."""
    return ",".join(sorted(labels))


def exempt_labels(text: str) -> frozenset[str]:
    return frozenset(text.split(",")) if text else frozenset()
