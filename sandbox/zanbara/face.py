"""Zanbara's front door: wires the parts together, routes a request, writes the envelope."""

from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

from sandbox.config import AccountConfig, SandboxConfig
from sandbox.face import Admission, Maintenance, Request, Surroundings
from sandbox.matching import Account, MarketState, Order
from sandbox.simulation import Manner, Simulation
from sandbox.sockets import Connection
from sandbox.zanbara.account_calls import AccountCalls
from sandbox.zanbara.account_ledger import AccountLedger
from sandbox.zanbara.accounts import AccountFigures
from sandbox.zanbara.archive import Archive
from sandbox.zanbara.calls import Call, Created
from sandbox.zanbara.dialogue import Dialogue
from sandbox.zanbara.errors import Problem, frozen
from sandbox.zanbara.gate import Gate
from sandbox.zanbara.keys import EXAMPLE_USER, ApiKey, example_keys, keys_of
from sandbox.zanbara.leverage import Leverage
from sandbox.zanbara.margin_settings import MarginSettings
from sandbox.zanbara.market_data import MarketData
from sandbox.zanbara.markets import CASH, LISTINGS, rules_of
from sandbox.zanbara.new_order import NewOrders
from sandbox.zanbara.order_lists import OrderLists
from sandbox.zanbara.profiles import profiles
from sandbox.zanbara.routes import SYSTEM, PrivateCalls, Route, Routes, market_routes, private_routes, system_routes
from sandbox.zanbara.streams import Streams
from sandbox.zanbara.system import Condition, System
from sandbox.zanbara.tokens import Tokens
from sandbox.zanbara.trading import Trading
from sandbox.zanbara.transfers import Transfers
from sandbox.zanbara.wallet import Wallet
from sandbox.zanbara.wire import failure, order_id, success

EXAMPLE_ACCOUNT = AccountConfig(EXAMPLE_USER, {CASH: Decimal(10_000)})
NO_KEY = ApiKey("", "", "", "", "", ())
NOBODY = Account("nobody", watched=False)


class ZanbaraFace:
    """One Zanbara. Everything behind it is the simulation's."""

    going_away_code = 1001
    issues_tokens = True
    close_grace_s = 0.0

    def __init__(self, config: SandboxConfig, around: Surroundings, *, now_us: int) -> None:
        self._config = config.zanbara
        self._ledger = around.ledger
        self.condition = Condition()
        accounts = (*config.accounts, EXAMPLE_ACCOUNT)
        self._profiles = profiles(accounts)
        manner = Manner(first_order_id=1, first_update_id=10_000, rules=rules_of(self._config))
        markets = (listing.market for listing in LISTINGS)
        self.simulation = Simulation(replace(config, accounts=accounts), markets, now_us=now_us, manner=manner)
        self._settle_in()
        every_key = (*(key for account in config.accounts for key in keys_of(account)), *example_keys())
        self._keys = {key.api_key: key for key in every_key}
        self._tokens = Tokens(self._config)
        self._gate = Gate(self._config, self._keys, self._tokens, around.limits, around.ledger)
        engine = self.simulation.engine
        self._market_data = MarketData(self.simulation)
        self._figures = AccountFigures(engine, self._config.liquidation_ratio)
        self._leverage = Leverage(self.simulation, self._profiles, is_dynamic=self._config.dynamic_leverage)
        self._streams = Streams(self.simulation, self._market_data, self._figures, around.hub)
        self._dialogue = Dialogue(self._config, engine.markets, self._gate, self._streams)
        self._routes = self._all_routes(now_us)

    # -- the face ----------------------------------------------------------------------------------------------------

    def admit(self, request: Request) -> Admission:
        found = self._routes.find(request.method, request.path)
        route, named = found or (Route(SYSTEM, _no_endpoint), "")
        return self._gate.admit(request, route.rights, partial(self._execute, request, route, named))

    def connected(self, connection: Connection, now_us: int) -> None:
        self._dialogue.connected(connection, now_us)

    def received(self, connection: Connection, frame: str | bytes, now_us: int) -> None:
        self._dialogue.received(connection, frame, now_us)

    def disconnected(self, connection: Connection) -> None:
        self._dialogue.disconnected(connection)

    def advance(self, now_us: int) -> None:
        self._leverage.advance(now_us)
        self._streams.advance(now_us)
        self._dialogue.advance(now_us)

    def clock_stepped(self, by_us: int) -> None:
        self._leverage.clock_stepped(by_us)
        self._streams.clock_stepped(by_us)
        self._dialogue.clock_stepped(by_us)

    def expire_tokens(self, account: str | None) -> int | None:
        return self._tokens.expire_all(
            list({key.user_id for key in self._keys.values() if account in (None, key.account)})
        )

    def maintain(self, maintenance: Maintenance) -> None:
        self.condition.maintain(maintenance)

    def order_id(self, order: Order) -> str:
        return order_id(order.id)

    def accounts(self) -> list[dict[str, Any]]:
        """Accounts with their first key, and all their keys."""
        keys: dict[str, list[ApiKey]] = {}
        for key in self._keys.values():
            keys.setdefault(key.account, []).append(key)
        return [
            {
                "name": name,
                "credentials": _credentials(own[0]),
                "user_id": own[0].user_id,
                "keys": [_credentials(key) | {"name": key.name, "scopes": key.scopes} for key in own],
            }
            for name, own in keys.items()
        ]

    # -- requests ----------------------------------------------------------------------------------------------------

    def _execute(
        self, request: Request, route: Route, named: str, key: ApiKey | None, now_us: int
    ) -> tuple[int, bytes]:
        """Status and body of an admitted request."""
        self.simulation.advance(now_us)
        account = self.simulation.engine.accounts[key.account] if key else NOBODY
        call = Call(request, named, key or NO_KEY, account, now_us, self._config.strict_numbers)
        try:
            if route.rights.scope is not None and request.method != "GET":
                self.condition.check()
            if route.rights.is_for_active and self._profiles[account.name].is_frozen:
                raise frozen()
            data = route.handler(call)
        except Problem as problem:
            return problem.status, failure(problem, now_us)
        if isinstance(data, Created):
            return 201, success(data.data, now_us)
        return 200, success(data, now_us)

    def _token(self, call: Call) -> Any:
        fields = call.body()
        fields.require("api_key", "api_secret")
        key = self._gate.login(call.request, fields.text("api_key") or "", fields.text("api_secret") or "")
        self._ledger.record_login(key.account)
        return {"token": self._tokens.issue(key, call.now_us), "expires_in": self._tokens.lifetime_s}

    def _settle_in(self) -> None:
        """Give accounts the fees they have earned, and halt what is halted."""
        engine = self.simulation.engine
        for name, profile in self._profiles.items():
            engine.accounts[name].fees = profile.fees
        for symbol in self._config.halted:
            engine.states[symbol] = MarketState.CLOSED

    def _all_routes(self, now_us: int) -> Routes:
        simulation, figures, leverage = self.simulation, self._figures, self._leverage
        engine = simulation.engine
        archive, wallet = Archive(), Wallet(engine, now_us)
        movements = AccountLedger(engine, wallet)
        simulation.listeners += [archive.on_events, movements.on_events]
        trading = Trading(simulation, archive, NewOrders(engine, leverage, self._config))
        private = private_routes(
            PrivateCalls(
                trading=trading,
                lists=OrderLists(simulation, archive),
                accounts=AccountCalls(engine, figures, trading, self._profiles),
                settings=MarginSettings(engine, figures, leverage, self._streams.private.changed),
                transfers=Transfers(simulation, figures, wallet),
                ledger=movements,
            )
        )
        if not self._config.enable_v1_1:
            del private["POST", "/v1/order/place-batch"]
        system = system_routes(System(self.condition), self._token)
        return Routes(system | market_routes(self._market_data) | private)


def _credentials(key: ApiKey) -> dict[str, Any]:
    return {"api_key": key.api_key, "api_secret": key.api_secret}


def _no_endpoint(call: Call) -> Any:
    raise Problem("ENDPOINT_NOT_FOUND", "No such endpoint")
