"""Whether an account may take new orders: the store has all its orders, and the venue was looked at since.

A store that was emptied, or failed over to a copy that lags, begins a new epoch. Replicas remember how far the old one
had come, so that an older state is known for what it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from adapters.models import AccountName, VenueName
from gateway.store import keys
from gateway.store.client import Store
from gateway.store.scripts import Script

_BEGIN_EPOCH = Script.load("gateway.orders", "readiness.lua", "begin_epoch.lua")
_MAKE_READY = Script.load("gateway.orders", "make_ready.lua")

Progress = tuple[int, int]
"""An epoch and the steps taken in it; grows."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """How one account stood at `now_ms`, by Redis' clock."""

    epoch: int
    is_ready: bool
    lost_ms: int
    """When it was noticed that the store had lost what it knew; 0: it never had anything to lose."""
    now_ms: int
    held: Mapping[str, str]
    """Stuck orders, and the symbols they hold."""


class AccountsReadiness:
    """How the accounts of one venue stand, as far as this replica has seen."""

    def __init__(self, store: Store, venue: VenueName, *, journal_max: int, assume_none_sent: bool = False):
        self._store = store
        self._venue = venue
        self._journal_max = journal_max
        self._assume_none_sent = assume_none_sent
        self._progress: dict[AccountName, Progress] = {}
        self._last: dict[AccountName, Readiness] = {}

    @property
    def last(self) -> Mapping[AccountName, Readiness]:
        """What was last seen of each account."""
        return MappingProxyType(self._last)

    def progress(self, account: AccountName) -> Progress:
        """How far the account's state had come when this replica last saw it."""
        return self._progress.get(account, (0, 0))

    def learn(self, account: AccountName, epoch: int, steps: int) -> None:
        """Remember how far the account's state has come."""
        self._progress[account] = max(self.progress(account), (epoch, steps))

    async def see(self, account: AccountName) -> Readiness:
        """How the account stands now. Safe to repeat. Raises `StoreUnavailable`."""
        epoch, steps, ready, lost_ms, now_ms, held = await self._store.run(
            _BEGIN_EPOCH,
            [
                keys.readiness(self._venue, account),
                keys.journal(self._venue, account),
                keys.held_orders(self._venue, account),
            ],
            [*self.progress(account), int(self._assume_none_sent), self._journal_max],
        )
        self.learn(account, epoch, steps)
        texts = [text.decode() for text in held]
        stuck = dict(zip(texts[::2], texts[1::2], strict=True))
        found = self._last[account] = Readiness(epoch, bool(ready), lost_ms, now_ms, stuck)
        return found

    async def make_ready(self, account: AccountName, epoch: int) -> bool:
        """The venue was looked at in this epoch; False if another has begun. Safe to repeat."""
        key = keys.readiness(self._venue, account)
        return bool(await self._store.run(_MAKE_READY, [key], [epoch]))
