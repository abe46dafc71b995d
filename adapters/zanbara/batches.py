"""Reads what Zanbara says of one order of a batch, to place or to cancel. Pure.

Source: docs.zanbarax.com, "overview" and "rate limits" (paths); the bodies are inferred.
"""

from collections.abc import Sequence

from msgspec import Raw
from msgspec.json import decode

from adapters.common.batches import Result
from adapters.errors import OutcomeUnknown, VenueError
from adapters.models import OrderRequest, VenueName, VenueOrderId
from adapters.zanbara import errors, wire
from adapters.zanbara.order_encoding import echo_mismatch
from adapters.zanbara.order_mapping import normalize_order, would_match


def read_result(venue: VenueName, request: OrderRequest, item: Raw) -> Result:
    """The order, or its refusal; raises `ValueError` for another order than was asked for."""
    result = decode(item, type=wire.BatchItem)
    if result.order is not None and result.success:
        if mismatch := echo_mismatch(request, result.order):
            raise ValueError(f"it shows another {mismatch} than was sent")
        order = normalize_order(venue, result.order)
        return would_match(order) or order
    if result.error is None or result.success:
        raise ValueError("neither an order nor an error")
    return _of_item(venue, result.error, errors.refused_write(venue, 400, result.error))


def read_cancels(
    venue: VenueName, order_ids: Sequence[VenueOrderId], answer: wire.CancelledBatch
) -> dict[VenueOrderId, VenueError | None]:
    """What became of each cancel, None where it was taken."""
    failed = {VenueOrderId(one.order_id): wire.Error(one.code, one.message) for one in answer.failed}
    told: dict[VenueOrderId, VenueError | None] = {}
    for order_id in order_ids:
        if error := failed.get(order_id):
            told[order_id] = _of_item(venue, error, errors.refused_cancel(venue, 400, error))
        elif order_id in answer.cancelled:
            told[order_id] = None
        else:
            told[order_id] = OutcomeUnknown(venue, "the answer does not mention it")
    return told


def _of_item(venue: VenueName, error: wire.Error, refusal: VenueError | None) -> VenueError:
    """An item has no status of its own, so it is judged as if it had come with a 400."""
    return refusal or OutcomeUnknown(
        venue, f"{error.code[:60]} does not say whether it was done", venue_code=error.code
    )
