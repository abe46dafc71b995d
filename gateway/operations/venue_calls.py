"""The one call each kind of operation is, and what the venue shows of it afterwards."""

from collections.abc import Sequence
from typing import assert_never

from adapters.contract import BeginSend, Throttle
from adapters.models import MarginMode, Market, OperationKind, Position, Transfer, WithdrawalRequest
from gateway.accounts import Account
from gateway.operations.record import Intent


async def send(
    account: Account,
    market: Market | None,
    intent: Intent,
    second_factor: str | None,
    *,
    throttle: Throttle,
    begin_send: BeginSend,
) -> str | None:
    """Do it; answers with the venue's id of it, where it has one. Raises what the facets raise."""
    match intent.kind:
        case OperationKind.WITHDRAWAL:
            request = withdrawal_request(intent)
            done = await account.capital.withdraw(request, second_factor, throttle=throttle, begin_send=begin_send)
            return done.venue_id
        case OperationKind.LEVERAGE:
            assert market is not None  # noqa: S101 - whoever made the intent saw to it, here and below
            assert intent.leverage is not None  # noqa: S101
            await account.positions.set_leverage(market, intent.leverage, throttle=throttle, begin_send=begin_send)
        case OperationKind.MARGIN_MODE:
            assert market is not None  # noqa: S101
            assert intent.margin_mode is not None  # noqa: S101
            await account.positions.set_margin_mode(
                market, MarginMode(intent.margin_mode), throttle=throttle, begin_send=begin_send
            )
        case OperationKind.MARGIN:
            assert market is not None  # noqa: S101
            assert intent.amount is not None  # noqa: S101
            await account.positions.add_margin(market, intent.amount, throttle=throttle, begin_send=begin_send)
        case _:
            assert_never(intent.kind)
    return None


def withdrawal_request(intent: Intent) -> WithdrawalRequest:
    """The intent, in the adapters' words."""
    asset, chain, address, client_id = intent.asset, intent.chain, intent.address, intent.venue_client_id
    amount = intent.amount
    if asset is None or chain is None or address is None or client_id is None or amount is None:
        raise AssertionError("a withdrawal that does not say what or where to")
    return WithdrawalRequest(asset, chain, address, amount, client_id, intent.tag)


def setting_in_force(intent: Intent, positions: Sequence[Position]) -> bool | None:
    """Whether a position shows the setting; None where there is no position, or it does not say."""
    for position in positions:
        if position.symbol != intent.symbol:
            continue
        if intent.kind is OperationKind.MARGIN_MODE:
            return position.margin_mode is intent.margin_mode
        return None if position.leverage is None else position.leverage == intent.leverage
    return None


def is_same(intent: Intent, transfer: Transfer) -> bool:
    """Whether a withdrawal in the venue's list can be this one, by all there is but ids and times."""
    asked = (intent.asset, intent.chain, intent.address, intent.amount)
    return (transfer.asset, transfer.chain, transfer.address, transfer.amount) == asked


def is_alike(one: Intent, other: Intent) -> bool:
    """Whether the venue could show the two withdrawals as the same."""
    return (one.asset, one.chain, one.address, one.amount) == (other.asset, other.chain, other.address, other.amount)
