"""Reads what Backpack says of one order of a batch. Pure.

Source: docs.backpack.exchange, "Order", "Execute orders".
"""

from msgspec import Raw
from msgspec.json import decode

from adapters.backpack import errors, wire
from adapters.backpack.order_encoding import echo_mismatch
from adapters.backpack.order_mapping import normalize_order
from adapters.common.batches import Result
from adapters.models import OrderRequest, VenueName


def read_result(venue: VenueName, request: OrderRequest, item: Raw) -> Result:
    """The order, or its refusal; raises `ValueError` for another order than was asked for."""
    if decode(item, type=wire.BatchItem).operation == "Err":
        return errors.refused_item(venue, decode(item, type=wire.Error))
    order = decode(item, type=wire.Order)
    if mismatch := echo_mismatch(request, order):
        raise ValueError(f"it shows another {mismatch} than was sent")
    return normalize_order(venue, order)
