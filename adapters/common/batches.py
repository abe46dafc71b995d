"""What became of each order of a batch, from an answer that lists results in the order of the request. Pure."""

from collections.abc import Callable, Sequence

from msgspec import Raw

from adapters.common.answers import UNREADABLE
from adapters.errors import DefiniteNo, VenueError, VenueProtocolError
from adapters.models import OrderRequest, VenueClientId, VenueName, VenueOrder

Result = VenueOrder | VenueError


def told_apart(
    venue: VenueName,
    requests: Sequence[OrderRequest],
    items: Sequence[Raw],
    read: Callable[[VenueName, OrderRequest, Raw], Result],
) -> dict[VenueClientId, Result]:
    """Give each order its result; `read` raises `ValueError` where an item is not the order's.

    A refusal names no order: only its place says whose it is. Where one item cannot be read, or shows another order
    than stands in its place, the places prove nothing, and neither does any refusal. Raises `VenueProtocolError` if
    there are not as many results as orders.
    """
    if len(items) != len(requests):
        raise VenueProtocolError(venue, f"{len(items)} results for {len(requests)} orders")
    told: dict[VenueClientId, Result] = {}
    for request, item in zip(requests, items, strict=True):
        try:
            told[request.venue_client_id] = read(venue, request, item)
        except UNREADABLE as exc:
            told[request.venue_client_id] = VenueProtocolError(venue, f"unreadable result: {str(exc)[:200]}")
    if any(isinstance(result, VenueProtocolError) for result in told.values()):
        for client_id, result in told.items():
            if isinstance(result, DefiniteNo):
                told[client_id] = VenueProtocolError(
                    venue, f"a refusal that may be another order's: {result.message}", venue_code=result.venue_code
                )
    return told
