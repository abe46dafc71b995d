"""What the official Rust client's types demand: members and their kinds, and a check as strict as its parser.

A table's line is `member:kind`; `?` marks what may be null or missing, `[]` a list. Unknown members are tolerated in
answers, as the client tolerates them.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

_DECIMAL = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_NAIVE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?", re.ASCII)


def _integer(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _text(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _one_of(names: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value in names.split()


KINDS: dict[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str),
    "bool": lambda value: isinstance(value, bool),
    "decimal": _text(_DECIMAL),
    "naive": _text(_NAIVE),
    "i64": _integer(-(2**63), 2**63 - 1),
    "u64": _integer(0, 2**64 - 1),
    "u32": _integer(0, 2**32 - 1),
    "level": lambda value: isinstance(value, list) and len(value) == 2 and all(map(_text(_DECIMAL), value)),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "quantity": _text(re.compile(r"\d+(\.\d+)?%?", re.ASCII)),
    "side": _one_of("Bid Ask"),
    "status": _one_of("Cancelled Expired Filled New PartiallyFilled TriggerPending Triggered"),
    "time_in_force": _one_of("GTC IOC FOK"),
    "self_trade": _one_of("RejectTaker RejectMaker RejectBoth Allow"),
    "price_source": _one_of("LastPrice MarkPrice IndexPrice"),
    "slippage": _one_of("TickSize Percent"),
    "limit": _one_of("Limit"),
    "market": _one_of("Market"),
    "sqrt": _one_of("sqrt"),
    "market_type": _one_of("SPOT PERP IPERP DATED PREDICTION RFQ MONAD"),
    "book_state": _one_of("Open Closed CancelOnly LimitOnly PostOnly"),
    "order_event": _one_of(
        "orderAccepted orderCancelled orderExpired orderFill orderModified triggerPlaced triggerFailed"
    ),
    "position_event": _one_of("positionOpened positionAdjusted positionClosed"),
    "stream_type": _one_of("LIMIT MARKET"),
    "origin": _one_of(
        "USER LIQUIDATION_AUTOCLOSE ADL_AUTOCLOSE COLLATERAL_CONVERSION SETTLEMENT_AUTOCLOSE "
        "BACKSTOP_LIQUIDITY_PROVIDER"
    ),
}

_ORDER = """
    id:text clientId:u32? createdAt:i64 executedQuantity:decimal executedQuoteQuantity:decimal reduceOnly:bool?
    relatedOrderId:text? selfTradePrevention:self_trade side:side status:status stopLossLimitPrice:decimal?
    stopLossTriggerBy:price_source? stopLossTriggerPrice:decimal? strategyId:text? symbol:text
    takeProfitLimitPrice:decimal? takeProfitTriggerBy:price_source? takeProfitTriggerPrice:decimal?
    timeInForce:time_in_force triggerBy:price_source? triggerPrice:decimal? triggerQuantity:quantity? triggeredAt:i64?
"""

_TABLES = {
    # -- public answers ------------------------------------------------------------------------------------------
    "MarginFunction": "base:decimal factor:decimal type:sqrt",
    "Multipliers": "maxMultiplier:decimal minMultiplier:decimal",
    "PremiumBand": "tolerancePct:decimal?",
    "PriceFilters": """
        minPrice:decimal maxPrice:decimal? tickSize:decimal maxMultiplier:decimal? minMultiplier:decimal?
        maxImpactMultiplier:decimal? minImpactMultiplier:decimal? meanMarkPriceBand:Multipliers?
        meanPremiumBand:PremiumBand? discoveryBoundBand:Multipliers? borrowEntryFeeMaxMultiplier:decimal?
        borrowEntryFeeMinMultiplier:decimal? maxPriceUpdateMultiplier:decimal? minPriceUpdateMultiplier:decimal?""",
    "QuantityFilters": "minQuantity:decimal maxQuantity:decimal? stepSize:decimal",
    "Filters": "price:PriceFilters quantity:QuantityFilters",
    "Market": """
        symbol:text baseSymbol:text quoteSymbol:text marketType:market_type filters:Filters imfFunction:MarginFunction?
        mmfFunction:MarginFunction? fundingInterval:u64? fundingRateUpperBound:decimal? fundingRateLowerBound:decimal?
        openInterestLimit:decimal? orderBookState:book_state createdAt:naive visible:bool positionLimitWeight:decimal?
        rwaMarketType:text?""",
    "Token": """
        blockchain:text contractAddress:text depositEnabled:bool displayName:text maximumWithdrawal:decimal?
        minimumDeposit:decimal minimumWithdrawal:decimal nativeDecimals:u32? withdrawEnabled:bool
        withdrawalFee:decimal""",
    "Asset": "coingeckoId:text? displayName:text symbol:text tokens:Token[]",
    "Ticker": """
        firstPrice:decimal high:decimal lastPrice:decimal low:decimal priceChange:decimal priceChangePercent:decimal
        symbol:text trades:text volume:decimal""",
    "Depth": "asks:level[] bids:level[] lastUpdateId:text timestamp:i64",
    "Trade": "id:i64 isBuyerMaker:bool price:decimal quantity:decimal quoteQuantity:decimal timestamp:i64",
    "Kline": """
        start:text end:text? open:decimal? high:decimal? low:decimal? close:decimal? volume:decimal
        quoteVolume:decimal? trades:text""",
    "MarkPrice": """
        fundingRate:decimal indexPrice:decimal markPrice:decimal nextFundingTimestamp:u64 symbol:text""",
    "OpenInterest": "openInterest:decimal? symbol:text timestamp:i64",
    "FundingRate": "fundingRate:decimal intervalEndTimestamp:naive symbol:text",
    # -- signed answers ------------------------------------------------------------------------------------------
    "Account": """
        autoBorrowSettlements:bool autoLend:bool autoRealizePnl:bool autoRepayBorrows:bool borrowLimit:decimal
        futuresMakerFee:decimal futuresTakerFee:decimal leverageLimit:decimal limitOrders:u32 liquidating:bool
        positionLimit:decimal spotMakerFee:decimal spotTakerFee:decimal triggerOrders:u32""",
    "Balance": "available:decimal locked:decimal staked:decimal",
    "AssetCollateral": """
        assetMarkPrice:decimal availableQuantity:decimal balanceNotional:decimal collateralValue:decimal
        collateralWeight:decimal lendQuantity:decimal openOrderQuantity:decimal symbol:text totalQuantity:decimal""",
    "Collateral": """
        assetsValue:decimal borrowLiability:decimal collateral:AssetCollateral[] imf:decimal liabilitiesValue:decimal
        marginFraction:decimal? mmf:decimal netEquity:decimal netEquityAvailable:decimal netEquityLocked:decimal
        netExposureFutures:decimal pnlUnrealized:decimal unsettledEquity:decimal""",
    "Position": """
        breakEvenPrice:decimal cumulativeFundingPayment:decimal cumulativeInterest:decimal entryPrice:decimal
        estLiquidationPrice:decimal imf:decimal imfFunction:MarginFunction markPrice:decimal mmf:decimal
        mmfFunction:MarginFunction netCost:decimal netExposureNotional:decimal netExposureQuantity:decimal
        netQuantity:decimal pnlRealized:decimal pnlUnrealized:decimal positionId:text subaccountId:u64? symbol:text
        userId:u64""",
    "LimitOrder": f"{_ORDER} orderType:limit price:decimal quantity:decimal postOnly:bool",
    "MarketOrder": f"""{_ORDER} orderType:market quantity:decimal? quoteQuantity:decimal?
        slippageTolerance:decimal? slippageToleranceType:slippage?""",
    "BatchError": "code:text message:text operation:text",
    "Fill": """
        clientId:text? fee:decimal feeSymbol:text isMaker:bool orderId:text price:decimal quantity:decimal side:side
        symbol:text systemOrderType:text? timestamp:naive tradeId:i64""",
    "BorrowLimit": "maxBorrowQuantity:decimal symbol:text",
    "OrderLimit": """
        autoBorrow:bool? autoBorrowRepay:bool? autoLendRedeem:bool? maxOrderQuantity:decimal price:decimal?
        reduceOnly:bool? side:side symbol:text""",
    "WithdrawalLimit": "autoBorrow:bool? autoLendRedeem:bool? maxWithdrawalQuantity:decimal symbol:text",
    "DepositAddress": "address:text",
    "TwoFactorToken": "signature:text",
    "Deposit": """
        id:i64 symbol:text quantity:decimal status:text source:text toAddress:text? fromAddress:text?
        transactionHash:text? createdAt:naive confirmationBlockNumber:u64? identifier:text? subaccountId:u64?
        fiatAmount:number? fiatCurrency:text? institutionBic:text? platformMemo:text?""",
    "Withdrawal": """
        id:i64 blockchain:text clientId:text? identifier:text? quantity:decimal fee:decimal symbol:text status:text
        subaccountId:u64? toAddress:text transactionHash:text? createdAt:naive isInternal:bool""",
    # -- frames --------------------------------------------------------------------------------------------------
    "BookTickerFrame": "E:i64 T:i64 e:text s:text a:decimal A:decimal b:decimal B:decimal u:u64",
    "DepthFrame": "E:i64 T:i64 e:text s:text U:u64 u:u64 a:level[] b:level[]",
    "TickerFrame": "E:i64 e:text s:text o:decimal c:decimal h:decimal l:decimal v:decimal V:decimal n:u64",
    "MarkPriceFrame": "E:i64 T:i64 e:text s:text p:decimal f:decimal i:decimal n:u64",
    "OpenInterestFrame": "E:i64 e:text s:text o:decimal",
    # The client has integers for the two times, and fails on what the venue sends, which is text.
    "KlineFrame": """
        E:i64 e:text s:text t:naive T:naive o:decimal? h:decimal? l:decimal? c:decimal? v:decimal n:u64 X:bool""",
    "LiquidationFrame": "E:i64 T:i64 e:text s:text S:side p:decimal q:decimal",
    "TradeFrame": "E:i64 T:i64 e:text s:text p:decimal q:decimal a:text b:text t:u64 m:bool",
    "BalanceFrame": "E:i64 T:i64 e:text a:text A:decimal L:decimal S:decimal",
    "PositionFrame": """
        E:i64 T:i64 e:position_event? s:text b:decimal B:decimal f:decimal m:decimal M:decimal q:decimal Q:decimal
        n:decimal i:u64 p:decimal P:decimal l:decimal""",
    "OrderFrame": """
        E:i64 T:i64 e:order_event s:text i:text c:u32? S:side o:stream_type f:time_in_force q:decimal Q:decimal?
        p:decimal? P:decimal? B:price_source? Y:quantity? a:decimal? j:decimal? d:price_source? b:decimal? k:decimal?
        g:price_source? X:status R:text? z:decimal Z:decimal l:decimal? L:decimal? m:bool? n:decimal? N:text? t:u64?
        V:self_trade r:bool y:bool? O:origin I:u64? H:text?""",
}


def _rows(table: str) -> dict[str, str]:
    return dict(row.split(":") for row in table.split())


TYPES = {name: _rows(table) for name, table in _TABLES.items()}
ORDERS = {"Limit": "LimitOrder", "Market": "MarketOrder"}


def mismatches(type_name: str, value: Any, *, is_frame: bool = False, where: str = "$") -> Iterator[str]:
    """Where a value is not of a type. Frames have no members but those of the type."""
    if not isinstance(value, dict):
        yield f"{where}: {value!r} is no {type_name}"
        return
    if is_frame:
        yield from (f"{where}.{name}: unknown" for name in value if name not in TYPES[type_name])
    for name, kind in TYPES[type_name].items():
        yield from _mismatches_of_kind(kind, value.get(name), f"{where}.{name}")


def _mismatches_of_kind(kind: str, value: Any, where: str) -> Iterator[str]:
    if kind.endswith("?"):
        if value is not None:
            yield from _mismatches_of_kind(kind[:-1], value, where)
    elif kind.endswith("[]"):
        if not isinstance(value, list):
            yield f"{where}: {value!r} is no list"
            return
        for number, item in enumerate(value):
            yield from _mismatches_of_kind(kind[:-2], item, f"{where}[{number}]")
    elif kind in TYPES:
        yield from mismatches(kind, value, where=where)
    elif not KINDS[kind](value):
        yield f"{where}: {value!r} is no {kind}"
