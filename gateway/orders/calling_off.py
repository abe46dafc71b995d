"""Calling off orders that still wait to be sent: they end cancelled, and bind their ids."""

from gateway.orders import lifecycle
from gateway.orders.record import OrderRecord, State
from gateway.orders.settling import Settling, now_ms
from gateway.orders.waits import Waits


class CallingOff:
    """Calls orders off, whichever replica holds them: `begin_send` finds them gone."""

    def __init__(self, settling: Settling, waits: Waits):
        self._settling = settling
        self._waits = waits

    async def call_off(self, record: OrderRecord) -> OrderRecord | None:
        """The order as it then is: cancelled, if it was not sent meanwhile; None if its id was freed meanwhile.

        Raises `StoreUnavailable`. Safe to repeat.
        """
        if record.state is not State.CLAIMED:
            return record
        current = await self._settling.write(record, lambda one: lifecycle.called_off(one, now_ms=now_ms()))
        if current is not None and current.state is State.DONE:
            self._waits.end(record.intent.order_id)
        return current
