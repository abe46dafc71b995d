"""Bugs to be planted in a replica before it starts, so that suites can prove that they would find them.

Each is a mistake that is made in earnest elsewhere; each takes away one thing that a promise rests on.
"""

from collections.abc import Callable
from typing import Any

from adapters.common.sender import Sender
from adapters.errors import OutcomeUnknown
from adapters.models import BookDelta
from gateway.fanout.envelope import Frame
from gateway.fanout.hub import Hub
from gateway.fanout.ring import Ring, Verdict
from gateway.feeds.book import Book, Step
from gateway.limiter import redis_spend
from gateway.orders import records
from gateway.store.scripts import Script

PLAIN_BUCKET = """
-- A bucket that is full at first and refilled evenly with time, whatever became of the calls. In place of `spend.lua`.
local function spend(keys, args)
  local time = redis.call('TIME')
  local now = time[1] * 1000000 + time[2]
  local wanted = args[4] + args[7] + args[10] + args[13]
  local granted, levels, longest = wanted, {}, 0
  for i = 2, #keys do
    local at = 16 + 6 * (i - 2)
    local limit, period, units = tonumber(args[at]), tonumber(args[at + 2]), tonumber(args[at + 3])
    local kept = redis.call('HMGET', keys[i] .. ':plain', 'level', 'seen')
    local level, seen = tonumber(kept[1]) or limit, tonumber(kept[2]) or now
    levels[i] = math.min(limit, level + (now - seen) * limit / period)
    granted = math.min(granted, math.max(0, math.floor(levels[i] / units)))
    longest = math.max(longest, math.ceil(period * units / limit))
  end
  local reply = {granted, granted < wanted and 1 or 0, longest}
  for i = 2, #keys do
    local level = levels[i] - granted * args[16 + 6 * (i - 2) + 3]
    redis.call('HSET', keys[i] .. ':plain', 'level', level, 'seen', string.format('%.0f', now))
    redis.call('PEXPIRE', keys[i] .. ':plain', 60000)
    for _, number in ipairs({math.max(0, math.floor(level)), 0, 0, 0, 0}) do
      reply[#reply + 1] = number
    end
  end
  for call = 1, wanted - granted do
    reply[#reply + 1] = call * longest
  end
  return reply
end
"""


def limiter_refills_by_time() -> None:
    """Units come back with time, rather than one period after the answer to the call that took them."""
    redis_spend._SPEND = Script.calling("spend", PLAIN_BUCKET)
    records._ADMIT = Script.calling("admit", PLAIN_BUCKET, records.ADMITTING)


def order_is_sent_again() -> None:
    """A write that was not answered in time is simply repeated, as a read may be."""
    send = Sender.send

    async def send_twice(self: Sender, *arguments: Any) -> Any:
        try:
            return await send(self, *arguments)
        except OutcomeUnknown:
            return await send(self, *arguments)

    Sender.send = send_twice  # type: ignore[method-assign, assignment]


def book_ignores_gaps() -> None:
    """A delta is applied although others before it were missed."""
    apply = Book.apply

    def apply_anyway(self: Book, delta: BookDelta) -> Step:
        if self.update_id is not None and delta.previous_id > self.update_id:
            self.update_id = delta.previous_id
        return apply(self, delta)

    Book.apply = apply_anyway  # type: ignore[method-assign]


def fanout_accepts_lower_epochs() -> None:
    """Messages of an owner that was replaced go out to the clients like any others."""
    accept, on_frame = Ring.accept, Hub._on_frame

    def accept_any(self: Ring, frame: Frame) -> Verdict:
        return Verdict.FORWARD if frame.epoch < self.epoch else accept(self, frame)

    def forget_epochs(self: Hub, station: Any, data: bytes) -> None:
        self._epochs.pop(station.topic.venue, None)
        on_frame(self, station, data)

    Ring.accept = accept_any  # type: ignore[method-assign]
    Hub._on_frame = forget_epochs  # type: ignore[method-assign]


PLANTS: dict[str, Callable[[], None]] = {
    plant.__name__: plant
    for plant in (limiter_refills_by_time, order_is_sent_again, book_ignores_gaps, fanout_accepts_lower_epochs)
}
