"""The first look at a venue in a new epoch of the store: what is there, before any new order may go there.

What was sent before a loss may still be on its way, and histories lag; so the look begins only when nothing can arrive
any more that does not show. What it shows stands for its client ids from then on.
"""

import structlog

from adapters.contract import CallKind
from adapters.models import Fill, VenueClientId
from gateway.accounts import Account
from gateway.clock import VenueClock
from gateway.orders.adoption import shown_by
from gateway.orders.claiming import send_window_ms
from gateway.orders.evidence import by_client_id
from gateway.orders.readiness import Readiness
from gateway.orders.records import Records
from gateway.orders.settling import Settling
from gateway.settings import OrderSettings

_log = structlog.get_logger()

_CLIENT = "crossgate"


class FirstLook:
    """Makes one account ready for new orders."""

    def __init__(
        self, account: Account, records: Records, settling: Settling, clock: VenueClock, settings: OrderSettings
    ):
        self._account = account
        self._records = records
        self._settling = settling
        self._clock = clock
        self._settings = settings

    async def make(self, readiness: Readiness) -> bool:
        """Look, if it is time; answers whether the account is ready now.

        Safe to repeat, by anybody. Raises what the store and the venue raise.
        """
        if readiness.lost_ms and readiness.now_ms < readiness.lost_ms + self.wait_ms:
            return False
        shown = await self._look(everything=bool(readiness.lost_ms))
        is_ready = await self._records.readiness.make_ready(self._account.name, readiness.epoch)
        if is_ready:
            _log.info("account_ready", account=self._account.name, epoch=readiness.epoch, orders_seen=shown)
        return is_ready

    @property
    def wait_ms(self) -> int:
        """How long after a loss an order sent before it may not show yet."""
        window_ms = send_window_ms(self._account, self._settings)
        return window_ms + self._settings.clock_error_ms + self._settings.history_lag_ms

    async def _look(self, *, everything: bool) -> int:
        """Note what the venue shows; not `everything`: only what rests."""
        # As urgent as an order in doubt: the account waits for it.
        throttle = self._account.throttle(_CLIENT, kind=CallKind.CANCEL)
        trading, account = self._account.trading, self._account.name
        orders = list(await trading.open_orders(None, throttle))
        fills: dict[VenueClientId, list[Fill]] = {}
        if everything:
            since_ms = self._clock.venue_time_ms() - self._settings.look_back_ms - self._settings.clock_error_ms
            orders += await trading.order_history(None, since_ms, throttle)
            for fill in await trading.fills(None, since_ms, throttle):
                if fill.venue_client_id is not None:
                    fills.setdefault(fill.venue_client_id, []).append(fill)
        found = by_client_id(orders)
        found |= {client_id: shown_by(own) for client_id, own in fills.items() if client_id not in found}
        await self._records.note_seen(account, list(found.values()))
        for client_id, order in found.items() if everything else ():
            # A copy that lags has records, of earlier states.
            if (record := await self._records.reserved(account, client_id)) is not None:
                await self._settling.seen(record, order, "look after a loss")
        return len(found)
