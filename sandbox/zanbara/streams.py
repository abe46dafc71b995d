"""Everything that is told to sockets: public and private channels, and who listens to them."""

from sandbox.simulation import Simulation
from sandbox.sockets import Hub
from sandbox.zanbara.accounts import AccountFigures
from sandbox.zanbara.kline_streams import KlineStreams
from sandbox.zanbara.market_data import MarketData
from sandbox.zanbara.private_streams import PrivateStreams
from sandbox.zanbara.public_streams import PublicStreams
from sandbox.zanbara.subscriptions import Board, Subscription

PUBLIC = ("ticker", "orderbook", "trades", "klines", "funding_rate")
PRIVATE = ("orders", "fills", "positions", "balance", "risk")


class Streams:
    """Begins and ends subscriptions; between the two, the simulation's events feed them."""

    def __init__(self, simulation: Simulation, market_data: MarketData, figures: AccountFigures, hub: Hub) -> None:
        self._board = Board(hub)
        self._public = PublicStreams(simulation, market_data, self._board)
        self.private = PrivateStreams(simulation.engine, figures, self._board)
        self._klines = KlineStreams(simulation, market_data, self._board)
        simulation.listeners += [self._public.on_events, self.private.on_events]

    def begin(self, subscription: Subscription, now_us: int) -> None:
        """Start telling a subscriber, from a snapshot where the channel has one."""
        self._board.add(subscription)
        if subscription.channel in PRIVATE:
            self.private.begin(subscription, now_us)
        elif subscription.channel == "klines":
            self._klines.begin(subscription, now_us)
        else:
            self._public.begin(subscription, now_us)

    def end(self, subscription: Subscription) -> None:
        self._board.remove(subscription)

    def advance(self, now_us: int) -> None:
        self._public.advance(now_us)
        self._klines.advance(now_us)
        self.private.advance(now_us)

    def clock_stepped(self, by_us: int) -> None:
        """What is due by the clock moves along with it."""
        self._public.clock_stepped(by_us)
        self._klines.clock_stepped(by_us)
