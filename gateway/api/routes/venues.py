"""`/v1/venues`: what each venue can do, as data."""

from fastapi import APIRouter
from starlette.responses import Response

from adapters.contract import ParamKind, Venue
from gateway.accounts import EGRESS
from gateway.api.answers import ERRORS, ok
from gateway.api.bodies import Answer, Shape
from gateway.api.deps import PublicReader, TheServices
from gateway.api.limits import RuleState, rule_states
from gateway.reference import venue_not_found
from gateway.services import Services

router = APIRouter(prefix="/v1/venues", tags=["venues"], responses=ERRORS)


class Capabilities(Shape):
    channels: list[str]
    order_types: list[str]
    times_in_force: list[str]
    self_trade_prevention: list[str]
    trigger_price_types: list[str]
    venue_params: dict[str, str | list[str]]
    """The venue's own parameters of orders: what each holds, or which words."""
    market_by_quote_quantity: bool
    reduce_only: bool
    cancel_by_client_id: bool
    deduplication: str
    order_lookup: str
    order_window_min_ms: int
    order_window_max_ms: int
    book_depth_max: int
    trades_max: int


class Rule(Shape):
    name: str
    scope: str
    limit: int
    period_ms: int


class VenueShape(Shape):
    venue: str
    capabilities: Capabilities
    limits: list[Rule]
    markets_loaded: bool


@router.get("", response_model=Answer[list[VenueShape]])
async def venues(the: TheServices, _reader: PublicReader) -> Response:
    """All venues."""
    return ok(list[VenueShape], [_shape(the, venue) for venue in the.venues.values()])


@router.get("/{venue}", response_model=Answer[VenueShape])
async def venue(the: TheServices, _reader: PublicReader, venue: str) -> Response:
    """One venue."""
    return ok(VenueShape, _shape(the, find(the, venue)))


@router.get("/{venue}/rate-limits", response_model=Answer[list[RuleState]])
async def rate_limits(the: TheServices, reader: PublicReader, venue: str) -> Response:
    """The budgets all accounts share: those the venue counts by address; who spends them is told to clients only."""
    found = find(the, venue)
    limiter = the.limiters[found.name]
    states = await limiter.status(account=None, egress=EGRESS)
    spent_by = await limiter.consumption(account=None, egress=EGRESS) if reader.is_client else None
    return ok(list[RuleState], rule_states(states, spent_by))


def find(the: Services, name: str) -> Venue:
    """The venue; raises `Refusal` if there is none of this name."""
    for venue in the.venues.values():
        if venue.name == name:
            return venue
    raise venue_not_found(name, the.venues)


def _shape(the: Services, venue: Venue) -> VenueShape:
    can = venue.capabilities
    return VenueShape(
        venue=venue.name,
        capabilities=Capabilities(
            channels=sorted(can.channels),
            order_types=sorted(can.order_types),
            times_in_force=sorted(can.times_in_force),
            self_trade_prevention=sorted(can.self_trade_prevention),
            trigger_price_types=sorted(can.trigger_price_types),
            venue_params={
                name: kind.value if isinstance(kind, ParamKind) else list(kind)
                for name, kind in can.venue_params.items()
            },
            market_by_quote_quantity=can.market_by_quote_quantity,
            reduce_only=can.reduce_only,
            cancel_by_client_id=can.cancel_by_client_id,
            deduplication=can.deduplication,
            order_lookup=can.order_lookup,
            order_window_min_ms=can.order_window_min_ms,
            order_window_max_ms=can.order_window_max_ms,
            book_depth_max=can.book_depth_max,
            trades_max=can.trades_max,
        ),
        limits=[
            Rule(name=rule.name, scope=rule.scope, limit=rule.limit, period_ms=rule.period_ms)
            for rule in venue.limits.rules
        ],
        markets_loaded=the.markets.is_loaded(venue.name),
    )
