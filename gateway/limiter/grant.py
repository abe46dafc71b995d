"""Leave to send one request: how old it may get, and how it ends. Where its units go then is the issuer's business."""

import time
from collections.abc import Mapping
from typing import Protocol

from adapters.errors import GrantExpired
from adapters.models import VenueName
from gateway.limiter.rules import RuleStatus


class Issuer(Protocol):
    """Who takes a grant back. Each grant ends in at most one of `answered`, `unmade` and `unheard`."""

    def started(self, grant: "Grant") -> None:
        """The first byte is about to go."""

    def answered(self, grant: "Grant", headers: Mapping[str, str]) -> None:
        """The venue answered: the units return one period from now."""

    def unmade(self, grant: "Grant") -> None:
        """Nothing was sent: the units return at once."""

    def unheard(self, grant: "Grant") -> None:
        """Something was sent and no answer seen: the units return by themselves."""

    def refused(self, grant: "Grant", headers: Mapping[str, str], retry_after_s: float | None, *, is_ban: bool) -> None:
        """The venue said too many; comes besides `answered`."""

    def expired(self) -> None:
        """A grant was to be used when it was void; `unmade` follows."""


class Grant:
    """One grant; `adapters.contract.Grant` says how it is used."""

    __slots__ = (
        *("_expires_s", "_has_ended", "_has_started", "_headers", "_issuer", "_venue"),
        *("client", "slots", "tightest", "units"),
    )

    def __init__(
        self,
        issuer: Issuer,
        venue: VenueName,
        *,
        client: str,
        expires_s: float,
        units: tuple[int, ...],
        slots: tuple[int, ...] | None,
        tightest: RuleStatus | None,
    ):
        """`expires_s` is monotonic; `slots` is None for a grant that the store knows nothing of."""
        self._issuer = issuer
        self._venue = venue
        self._expires_s = expires_s
        self._has_started = False
        self._has_ended = False
        self._headers: Mapping[str, str] = {}
        self.client = client
        self.units = units
        self.slots = slots
        self.tightest = tightest
        """The rule of which least is left, as it was when the grant was given."""

    @property
    def is_good(self) -> bool:
        """Whether it is young enough to be used."""
        return time.monotonic() <= self._expires_s

    def start(self) -> None:
        """Say that the first byte is about to go; raises `GrantExpired` if that is too late."""
        if not self.is_good:
            self._issuer.expired()
            raise GrantExpired(self._venue, "leave to send was given too long ago")
        self._has_started = True
        self._issuer.started(self)

    def answered(self, headers: Mapping[str, str]) -> None:
        """Say that the venue has answered. Safe to repeat."""
        if self._has_started and not self._has_ended:
            self._has_ended = True
            self._headers = headers
            self._issuer.answered(self, headers)

    def refused(self, retry_after_s: float | None, *, is_ban: bool = False) -> None:
        """Say that the venue answered "too many requests": the rule closes on every replica."""
        self.answered({})
        self._issuer.refused(self, self._headers, retry_after_s, is_ban=is_ban)

    def leave(self) -> None:
        """End a grant whose user is done with it. Safe to repeat."""
        if self._has_ended:
            return
        self._has_ended = True
        if self._has_started:
            self._issuer.unheard(self)
        else:
            self._issuer.unmade(self)
