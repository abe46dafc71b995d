"""Names that must not be mixed up: ours and the venue's have different types."""

from typing import NewType

VenueName = NewType("VenueName", str)
AccountName = NewType("AccountName", str)

Symbol = NewType("Symbol", str)
"""Our name of a market: `SOL-USDC` spot, `SOL-USDC-PERP` perpetual."""

VenueSymbol = NewType("VenueSymbol", str)
"""The venue's own name of a market, `SOL_USDC_PERP`."""

VenueOrderId = NewType("VenueOrderId", str)

VenueClientId = NewType("VenueClientId", str)
"""The id we gave an order at the venue, as text whatever its wire type (a uint32 on Backpack)."""
