"""Every signed path: its instruction, the scope its key needs, its handler."""

from sandbox.backpack.account_limits import AccountLimits
from sandbox.backpack.account_settings import AccountSettings
from sandbox.backpack.balances import Balances
from sandbox.backpack.calls import ACCEPTED, EMPTY, WITHDRAWAL, Call, Route, Routes, written
from sandbox.backpack.deposits import Deposits
from sandbox.backpack.empty_histories import empty_routes
from sandbox.backpack.headers import HISTORY, UNCACHED
from sandbox.backpack.histories import Histories
from sandbox.backpack.positions import Positions
from sandbox.backpack.settlements import Settlements
from sandbox.backpack.trading import Trading
from sandbox.backpack.withdrawals import Withdrawals
from sandbox.config import SandboxConfig
from sandbox.face import Response
from sandbox.simulation import Simulation


def signed_routes(simulation: Simulation, config: SandboxConfig, user_ids: dict[str, int]) -> Routes:
    return (
        _trading_routes(simulation, empty_cancels=config.backpack.empty_cancels)
        | _account_routes(simulation, user_ids)
        | _database_routes(simulation, config, user_ids)
        | empty_routes()
    )


def _trading_routes(simulation: Simulation, *, empty_cancels: bool) -> Routes:
    trading = Trading(simulation)

    def cancel(call: Call) -> Response:
        order = trading.cancel(call.account, call.body, call.now_us)
        return ACCEPTED if empty_cancels else written(order, UNCACHED)

    def cancel_all(call: Call) -> Response:
        orders = trading.cancel_all(call.account, call.body, call.now_us)
        return ACCEPTED if empty_cancels else written(orders, UNCACHED)

    return {
        ("POST", "/api/v1/order"): Route(
            lambda call: trading.place(call.account, call.body, call.now_us), "orderExecute", "trade"
        ),
        ("POST", "/api/v1/orders"): Route(
            lambda call: trading.place_batch(call.account, call.body, call.now_us), "orderExecute", "trade"
        ),
        ("DELETE", "/api/v1/order"): Route(cancel, "orderCancel", "trade"),
        ("DELETE", "/api/v1/orders"): Route(cancel_all, "orderCancelAll", "trade"),
        ("GET", "/api/v1/order"): Route(lambda call: trading.order(call.account, call.query), "orderQuery"),
        ("GET", "/api/v1/orders"): Route(lambda call: trading.orders(call.account, call.query), "orderQueryAll"),
    }


def _account_routes(simulation: Simulation, user_ids: dict[str, int]) -> Routes:
    engine = simulation.engine
    settings, limits = AccountSettings(), AccountLimits(engine)
    balances, positions = Balances(engine), Positions(engine)

    def update(call: Call) -> Response:
        settings.update(call.account, call.body)
        return EMPTY

    return {
        ("GET", "/api/v1/account"): Route(lambda call: settings.show(call.account), "accountQuery"),
        ("PATCH", "/api/v1/account"): Route(update, "accountUpdate", "trade"),
        ("GET", "/api/v1/account/limits/borrow"): Route(lambda call: limits.borrow(call.query), "maxBorrowQuantity"),
        ("GET", "/api/v1/account/limits/order"): Route(
            lambda call: limits.order(call.account, call.query), "maxOrderQuantity"
        ),
        ("GET", "/api/v1/account/limits/withdrawal"): Route(
            lambda call: limits.withdrawal(call.account, call.query), "maxWithdrawalQuantity"
        ),
        ("GET", "/api/v1/capital"): Route(lambda call: balances.capital(call.account), "balanceQuery"),
        ("GET", "/api/v1/capital/collateral"): Route(
            lambda call: balances.collateral(call.account, call.query), "collateralQuery"
        ),
        ("GET", "/api/v1/position"): Route(
            lambda call: positions.open(call.account, call.query, user_ids[call.account.name]), "positionQuery"
        ),
        ("GET", "/api/v1/borrowLend/positions"): Route(lambda call: [], "borrowLendPositionQuery"),
    }


def _database_routes(simulation: Simulation, config: SandboxConfig, user_ids: dict[str, int]) -> Routes:
    """Everything under /wapi, which shows what happened a little later than the engine does."""
    lateness = simulation.records.lateness
    limits, positions = AccountLimits(simulation.engine), Positions(simulation.engine)
    deposits, settlements = Deposits(lateness), Settlements(lateness)
    withdrawals = Withdrawals(simulation, limits, config.accounts, lateness)
    histories = Histories(simulation, positions, user_ids, settlements)
    simulation.listeners.extend((deposits.on_events, settlements.on_events))

    def position_history(call: Call) -> Response:
        """The one history without paging headers."""
        return written(histories.positions(call.account, call.query, call.now_us).rows, HISTORY)

    capital, history = "/wapi/v1/capital", "/wapi/v1/history"
    return {
        ("GET", f"{capital}/deposits"): Route(
            lambda call: deposits.history(call.account, call.query, call.now_us), "depositQueryAll"
        ),
        ("GET", f"{capital}/deposit/address"): Route(
            lambda call: deposits.address(call.account, call.query), "depositAddressQuery"
        ),
        ("GET", f"{capital}/withdrawals"): Route(
            lambda call: withdrawals.history(call.account, call.query, call.now_us), "withdrawalQueryAll"
        ),
        ("POST", f"{capital}/withdrawals"): Route(
            lambda call: withdrawals.request(call.account, call.body, call.now_us),
            "withdraw",
            "withdraw",
            request_class=WITHDRAWAL,
        ),
        ("POST", "/wapi/v1/user/2fa"): Route(
            lambda call: withdrawals.two_factor.issue(call.account, call.body), "issueTwoFactorToken", "withdraw"
        ),
        ("GET", f"{history}/orders"): Route(
            lambda call: histories.orders(call.account, call.query, call.now_us), "orderHistoryQueryAll"
        ),
        ("GET", f"{history}/fills"): Route(
            lambda call: histories.fills(call.account, call.query, call.now_us), "fillHistoryQueryAll"
        ),
        ("GET", f"{history}/funding"): Route(
            lambda call: histories.funding(call.account, call.query, call.now_us), "fundingHistoryQueryAll"
        ),
        ("GET", f"{history}/settlement"): Route(
            lambda call: histories.settlements(call.account, call.query, call.now_us), "settlementHistoryQueryAll"
        ),
        ("GET", f"{history}/position"): Route(position_history, "positionHistoryQueryAll"),
    }
