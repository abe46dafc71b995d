"""Backpack's front door: routes a request, checks who signed it, answers in the venue's manner."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from nacl.signing import VerifyKey

from sandbox.backpack.account_views import AccountViews
from sandbox.backpack.errors import Problem
from sandbox.backpack.histories import Histories, page_headers
from sandbox.backpack.keys import KeyPair, key_pair
from sandbox.backpack.market_data import MarketData
from sandbox.backpack.markets import LISTINGS
from sandbox.backpack.parameters import Parameters
from sandbox.backpack.payloads import parse_json
from sandbox.backpack.signing import (
    Stamp,
    check_signature,
    check_time,
    json_parameters,
    query_parameters,
    read_stamp,
)
from sandbox.backpack.streams import Streams
from sandbox.backpack.subscriptions import Subscriptions
from sandbox.backpack.trading import Trading
from sandbox.backpack.wire import encode
from sandbox.config import SandboxConfig
from sandbox.face import Admission, Caller, Request, Response, Surroundings
from sandbox.limits import VenueLimits
from sandbox.matching import Account, Order
from sandbox.simulation import Manner, Simulation
from sandbox.sockets import Connection

STANDARD = "standard"
HISTORICAL = "historical"
LIMITS = VenueLimits({STANDARD: 2000, HISTORICAL: 30})
MANNER = Manner(first_order_id=59_000_000_001, first_update_id=4_330_000_000)
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Call:
    """A request on its way to a handler. `account` is there exactly where the route is signed."""

    query: Parameters
    body: Any
    account: Account
    now_us: int


@dataclass(frozen=True, slots=True)
class Route:
    """A handler, the instruction its caller signs (None: public), and the class it counts in."""

    handler: Callable[[Call], Any]
    instruction: str | None = None
    request_class: str = STANDARD


NOBODY = Account("nobody", watched=False)


class BackpackFace:
    """One Backpack. Everything behind it is the simulation's."""

    going_away_code = 1012

    def __init__(self, config: SandboxConfig, around: Surroundings, *, now_us: int) -> None:
        self._strict = config.strict_signatures
        self._limits = around.limits
        markets = (listing.market for listing in LISTINGS)
        self.simulation = Simulation(config, markets, now_us=now_us, manner=MANNER)
        engine = self.simulation.engine
        self._keys: dict[str, KeyPair] = {}
        self._verify_keys: dict[str, VerifyKey] = {}
        for account in config.accounts:
            pair = key_pair(account.name)
            self._keys[pair.public] = pair
            self._verify_keys[pair.public] = VerifyKey(base64.b64decode(pair.public))
        self._user_ids = {pair.account: pair.user_id for pair in self._keys.values()}
        self._market_data = MarketData(self.simulation)
        self._trading = Trading(self.simulation)
        self._views = AccountViews(engine)
        self._histories = Histories(self.simulation)
        self._streams = Streams(self.simulation, self._market_data, around.hub, now_us=now_us)
        self._subscriptions = Subscriptions(engine.markets, around.hub, self._streams, self._subscriber)
        self._routes = self._public_routes() | self._signed_routes()

    # -- the face ------------------------------------------------------------------------------------------------

    def admit(self, request: Request) -> Admission:
        """Only the limit is looked at here; who signed is the answer's business."""
        caller = self._caller(request)
        if not self._limits.arrived(caller.name, caller.request_class, request.arrived_us):
            return Admission(caller, _refusal(Problem(429, "TOO_MANY_REQUESTS", "Too many requests")))
        return Admission(caller, partial(self._answer, request))

    def connected(self, connection: Connection, now_us: int) -> None:
        """This venue says nothing until it is asked."""

    def received(self, connection: Connection, frame: str | bytes, now_us: int) -> None:
        if isinstance(frame, str):
            self._subscriptions.received(connection, frame, now_us)

    def disconnected(self, connection: Connection) -> None:
        """The hub forgets its subscriptions; there is nothing else."""

    def expire_tokens(self, account: str | None) -> int | None:
        return None

    def order_id(self, order: Order) -> str:
        return str(order.id)

    def advance(self, now_us: int) -> None:
        self._streams.advance(now_us)

    def accounts(self) -> list[dict[str, Any]]:
        return [
            {
                "name": pair.account,
                "credentials": {"api_key": pair.public, "api_secret": pair.secret},
                "public_key": pair.public,
                "secret_key": pair.secret,
                "user_id": pair.user_id,
            }
            for pair in self._keys.values()
        ]

    def _caller(self, request: Request) -> Caller:
        """Signed routes count against the key's sub-account, everything else against the address."""
        route = self._routes.get((request.method, request.path))
        request_class = route.request_class if route else STANDARD
        pair = self._keys.get(request.headers.get("x-api-key", ""))
        if pair is not None and route is not None and route.instruction is not None:
            return Caller(pair.account, pair.account, request_class)
        return Caller(request.address, None, request_class)

    def _answer(self, request: Request, now_us: int) -> Response:
        self.simulation.advance(now_us)
        route = self._routes.get((request.method, request.path))
        if route is None:
            return _refusal(Problem(404, "RESOURCE_NOT_FOUND", "Not Found"))
        try:
            return _written(route.handler(self._call(request, route, now_us)))
        except Problem as problem:
            return _refusal(problem)

    # -- who is asking -------------------------------------------------------------------------------------------

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
        account = self._signer(stamp, route.instruction, groups, now_us)
        return Call(query, body, account, now_us)

    def _subscriber(self, signature: Sequence[str], now_us: int) -> Account:
        public_key, signed, timestamp, window = signature
        stamp = read_stamp(public_key, signed, timestamp, window)
        return self._signer(stamp, "subscribe", [{}], now_us)

    def _signer(self, stamp: Stamp, instruction: str, groups: Sequence[Any], now_us: int) -> Account:
        pair = self._keys.get(stamp.public_key)
        if pair is None:
            raise Problem(401, "UNAUTHORIZED", "Unauthorized")
        check_time(stamp, now_us // 1000)
        check_signature(stamp, self._verify_keys[pair.public], instruction, groups, strict=self._strict)
        return self.simulation.engine.accounts[pair.account]

    # -- routes --------------------------------------------------------------------------------------------------

    def _public_routes(self) -> dict[tuple[str, str], Route]:
        data = self._market_data
        handlers: dict[str, Callable[[Call], Any]] = {
            "status": lambda call: {"message": None, "status": "Ok"},
            "ping": lambda call: _text("pong"),
            "time": lambda call: _text(str(call.now_us // 1000)),
            "assets": lambda call: data.assets(call.query),
            "markets": lambda call: data.markets(call.query),
            "market": lambda call: data.market(call.query),
            "securities": lambda call: [],
            "ticker": lambda call: _or_empty(data.ticker(call.query, call.now_us)),
            "tickers": lambda call: data.tickers(call.query, call.now_us),
            "depth": lambda call: data.depth(call.query, call.now_us),
            "trades": lambda call: data.trades(call.query),
            "markPrices": lambda call: data.mark_prices(call.query, call.now_us),
            "openInterest": lambda call: data.open_interest(call.query, call.now_us),
            "fundingRates": lambda call: _paged(call, *data.funding_rates(call.query, call.now_us)),
        }
        historical: dict[str, Callable[[Call], Any]] = {
            "klines": lambda call: data.klines(call.query, call.now_us),
            "trades/history": lambda call: data.trades_history(call.query),
        }
        routes = {("GET", f"/api/v1/{name}"): Route(handler) for name, handler in handlers.items()}
        for name, handler in historical.items():
            routes["GET", f"/api/v1/{name}"] = Route(handler, request_class=HISTORICAL)
        return routes

    def _signed_routes(self) -> dict[tuple[str, str], Route]:
        trading, views, histories = self._trading, self._views, self._histories

        def positions(call: Call) -> Any:
            return views.positions(call.account, call.query, self._user_ids[call.account.name])

        def update(call: Call) -> Response:
            views.update(call.account, call.body)
            return Response(200, b"", "")

        def history(call: Call, rows: list[Any], total: int, limit: int, offset: int) -> Response:
            return Response(200, encode(rows), headers=page_headers(total, len(rows), limit, offset))

        return {
            ("GET", "/api/v1/account"): Route(lambda call: views.account(call.account), "accountQuery"),
            ("PATCH", "/api/v1/account"): Route(update, "accountUpdate"),
            ("GET", "/api/v1/capital"): Route(lambda call: views.capital(call.account), "balanceQuery"),
            ("GET", "/api/v1/capital/collateral"): Route(
                lambda call: views.collateral(call.account), "collateralQuery"
            ),
            ("GET", "/api/v1/borrowLend/positions"): Route(lambda call: [], "borrowLendPositionQuery"),
            ("GET", "/api/v1/position"): Route(positions, "positionQuery"),
            ("POST", "/api/v1/order"): Route(
                lambda call: trading.place(call.account, call.body, call.now_us), "orderExecute"
            ),
            ("GET", "/api/v1/order"): Route(lambda call: trading.order(call.account, call.query), "orderQuery"),
            ("DELETE", "/api/v1/order"): Route(
                lambda call: trading.cancel(call.account, call.body, call.now_us), "orderCancel"
            ),
            ("POST", "/api/v1/orders"): Route(
                lambda call: trading.place_batch(call.account, call.body, call.now_us), "orderExecute"
            ),
            ("GET", "/api/v1/orders"): Route(lambda call: trading.orders(call.account, call.query), "orderQueryAll"),
            ("DELETE", "/api/v1/orders"): Route(
                lambda call: trading.cancel_all(call.account, call.body, call.now_us), "orderCancelAll"
            ),
            ("GET", "/wapi/v1/history/orders"): Route(
                lambda call: history(call, *histories.orders(call.account, call.query, call.now_us)),
                "orderHistoryQueryAll",
            ),
            ("GET", "/wapi/v1/history/fills"): Route(
                lambda call: history(call, *histories.fills(call.account, call.query, call.now_us)),
                "fillHistoryQueryAll",
            ),
        }


def _text(text: str) -> Response:
    return Response(200, text.encode(), TEXT)


def _or_empty(value: Any) -> Any:
    return Response(204, b"", "") if value is None else value


def _paged(call: Call, rows: list[Any], total: int) -> Response:
    limit, offset = call.query.page(high=10_000)
    return Response(200, encode(rows), headers=page_headers(total, len(rows), limit, offset))


def _written(value: Any) -> Response:
    return value if isinstance(value, Response) else Response(200, encode(value))


def _refusal(problem: Problem) -> Response:
    return Response(problem.status, encode({"code": problem.code, "message": problem.message}))
