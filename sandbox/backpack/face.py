"""Backpack's front door: routes a request, checks who signed it, answers in the venue's manner."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from sandbox.backpack.calls import HISTORICAL, STANDARD, WITHDRAWAL, Call, Route, Routes, refusal, written
from sandbox.backpack.errors import Problem, not_found
from sandbox.backpack.fields import parse_json
from sandbox.backpack.keyring import Keyring
from sandbox.backpack.markets import LISTINGS, RULES
from sandbox.backpack.parameters import Parameters
from sandbox.backpack.public_routes import public_routes
from sandbox.backpack.signed_routes import signed_routes
from sandbox.backpack.signing import json_parameters, query_parameters, read_stamp
from sandbox.backpack.status import VenueStatus
from sandbox.backpack.streams import Streams
from sandbox.backpack.subscriptions import Subscriptions
from sandbox.config import SandboxConfig
from sandbox.face import Admission, Caller, Maintenance, Request, Response, Surroundings
from sandbox.limits import VenueLimits
from sandbox.matching import Account, Order
from sandbox.simulation import Manner, Simulation
from sandbox.sockets import Connection

# Withdrawal requests have a limit of their own, of which only the refusal is documented.
LIMITS = VenueLimits({STANDARD: 2000, HISTORICAL: 30, WITHDRAWAL: 10})
MANNER = Manner(first_order_id=59_000_000_001, first_update_id=4_330_000_000, rules=RULES)
NOBODY = Account("nobody", watched=False)


class BackpackFace:
    """One Backpack. Everything behind it is the simulation's."""

    going_away_code = 1012
    issues_tokens = False

    def __init__(self, config: SandboxConfig, around: Surroundings, *, now_us: int) -> None:
        self.close_grace_s = config.backpack.close_grace_s
        self._limits = around.limits
        self._keyring = Keyring(config.accounts, strict=config.strict_signatures)
        markets = (listing.market for listing in LISTINGS)
        self.simulation = Simulation(config, markets, now_us=now_us, manner=MANNER)
        self._status = VenueStatus()
        self._routes: Routes = public_routes(self.simulation, config.backpack, self._status) | signed_routes(
            self.simulation, config, self._keyring.user_ids
        )
        self._streams = Streams(self.simulation, around.hub, now_us=now_us)
        engine = self.simulation.engine
        self._subscriptions = Subscriptions(engine.markets, around.hub, self._streams, self._subscriber)

    # -- the face ------------------------------------------------------------------------------------------------

    def admit(self, request: Request) -> Admission:
        """Only the limit is looked at here; who signed is the answer's business."""
        route = self._routes.get((request.method, request.path))
        caller = self._caller(request, route)
        if not self._limits.arrived(caller.name, caller.request_class, request.arrived_us):
            return Admission(caller, refusal(Problem(429, "TOO_MANY_REQUESTS", "Too many requests")), refused="limit")
        return Admission(caller, partial(self._answer, request, route))

    def connected(self, connection: Connection, now_us: int) -> None:
        """This venue says nothing until it is asked."""

    def received(self, connection: Connection, frame: str | bytes, now_us: int) -> None:
        if isinstance(frame, str):
            self._subscriptions.received(connection, frame, now_us)

    def disconnected(self, connection: Connection) -> None:
        """The hub forgets its subscriptions; there is nothing else."""

    def expire_tokens(self, account: str | None) -> int | None:
        return None

    def maintain(self, maintenance: Maintenance) -> None:
        self._status.maintenance = maintenance

    def order_id(self, order: Order) -> str:
        return str(order.id)

    def advance(self, now_us: int) -> None:
        self._streams.advance(now_us)

    def clock_stepped(self, by_us: int) -> None:
        self._streams.clock_stepped(by_us)

    def accounts(self) -> list[dict[str, Any]]:
        return self._keyring.accounts()

    # -- who is asking -------------------------------------------------------------------------------------------

    def _caller(self, request: Request, route: Route | None) -> Caller:
        """Signed routes count against the key's sub-account, everything else against the address."""
        request_class = route.request_class if route else STANDARD
        if route is not None and route.instruction is not None:
            account = self._keyring.owner(request.headers.get("x-api-key", ""))
            if account is not None:
                return Caller(account, account, request_class)
        return Caller(request.address, None, request_class)

    def _answer(self, request: Request, route: Route | None, now_us: int) -> Response:
        self.simulation.advance(now_us)
        if route is None:
            return refusal(not_found())
        try:
            self._status.check(request.method, request.path)
            return written(route.handler(self._call(request, route, now_us)), route.headers)
        except Problem as problem:
            return refusal(problem)

    def _call(self, request: Request, route: Route, now_us: int) -> Call:
        query = Parameters(request.query)
        body = parse_json(request.body) if request.method != "GET" else {}
        if route.instruction is None:
            return Call(query, body, NOBODY, now_us)
        if request.method == "GET":
            groups = [query_parameters(request.query)]
        elif isinstance(body, list):
            groups = [json_parameters(item) for item in body if isinstance(item, dict)]
        else:
            groups = [json_parameters(body) if isinstance(body, dict) else {}]
        headers = request.headers
        stamp = read_stamp(
            headers.get("x-api-key"), headers.get("x-signature"), headers.get("x-timestamp"), headers.get("x-window")
        )
        account = self._keyring.signer(
            stamp, route.instruction, groups, scope=route.scope, address=request.address, now_us=now_us
        )
        return Call(query, body, self.simulation.engine.accounts[account], now_us)

    def _subscriber(self, signature: Sequence[str], address: str, now_us: int) -> Account:
        return self.simulation.engine.accounts[self._keyring.subscriber(signature, address, now_us)]
