// ccxt for JavaScript over REST: the market, orders, and an account.

import { accountOf, assert, best, ccxt, check, control, eventually, exchangeAt, PERP, resting, sorted, SPOT } from './checks.mjs';

const ADDRESS = '9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin';
const fresh = () => exchangeAt(ccxt.backpack);
const reader = fresh();

await check('loadMarkets', async () => {
    const markets = await reader.loadMarkets();
    assert.ok([SPOT, PERP, 'BTC/USDC', 'BTC/USDC:USDC'].every((symbol) => symbol in markets));
    assert.equal(markets[SPOT].precision.price, 0.01);
});

await check('fetchCurrencies', async () => {
    const currencies = await reader.fetchCurrencies();
    assert.ok(currencies.USDC.networks.SOL.deposit);
});

await check('fetchTicker', async () => {
    const ticker = await reader.fetchTicker(SPOT);
    assert.ok(ticker.low <= ticker.last && ticker.last <= ticker.high);
});

await check('fetchTickers', async () => {
    assert.deepEqual(Object.keys(await reader.fetchTickers([PERP])), [PERP]);
});

await check('fetchOrderBook', async () => {
    const { bids, asks } = await reader.fetchOrderBook(SPOT);
    assert.ok(sorted(asks.map(([price]) => price)) && sorted(bids.map(([price]) => -price)));
    assert.ok(bids[0][0] < asks[0][0]);
});

await check('fetchOHLCV', async () => {
    const candles = await reader.fetchOHLCV(SPOT, '1m');
    assert.ok(candles.length > 0);
    assert.ok(candles.every(([, open, high, low, close]) => low <= Math.min(open, close) && Math.max(open, close) <= high));
});

await check('fetchMarkOHLCV', async () => {
    const candles = await reader.fetchMarkOHLCV(PERP, '1m');
    assert.ok(candles.length > 0);
});

await check('fetchTrades', async () => {
    const trades = await reader.fetchTrades(SPOT, undefined, 5);
    assert.equal(trades.length, 5);
    assert.ok(sorted(trades.map(({ timestamp }) => timestamp)));
});

await check('fetchTrades: offset', async () => {
    assert.equal((await reader.fetchTrades(SPOT, undefined, 3, { offset: 5 })).length, 3);
});

await check('fetchFundingRate', async () => {
    const rate = await reader.fetchFundingRate(PERP);
    assert.ok(rate.markPrice > 0 && rate.indexPrice > 0);
    assert.equal(rate.nextFundingTimestamp % 3_600_000, 0);
});

await check('fetchFundingRateHistory', async () => {
    assert.ok((await reader.fetchFundingRateHistory(PERP, undefined, 3)).length <= 3);
});

await check('fetchOpenInterest', async () => {
    assert.ok((await reader.fetchOpenInterest(PERP)).openInterestValue >= 0);
});

await check('fetchStatus', async () => {
    assert.equal((await reader.fetchStatus()).status, 'ok');
});

// The answer is text, and ccxt reads it like a list: what it gives back is this machine's time, not the venue's.
await check('fetchTime', async () => {
    assert.ok(Math.abs(await reader.fetchTime() - Date.now()) < 1000);
});

await check('fetchBalance', async () => {
    assert.deepEqual((await fresh().fetchBalance()).USDC, { free: 1_000_000, used: 0, total: 1_000_000 });
});

await check('createOrder: limit', async () => {
    const exchange = fresh();
    const order = await resting(exchange, SPOT, { clientOrderId: 42 });
    assert.deepEqual([order.status, order.remaining, order.clientOrderId], ['open', 0.5, '42']);
    assert.equal((await exchange.fetchBalance()).USDC.used, order.price * 0.5);
});

await check('createOrder: market', async () => {
    const order = await fresh().createOrder(SPOT, 'market', 'buy', 0.1);
    assert.deepEqual([order.status, order.filled], ['closed', 0.1]);
});

await check('createOrder: market by cost', async () => {
    const order = await fresh().createOrder(SPOT, 'market', 'buy', 0, undefined, { cost: 50 });
    assert.ok(order.cost > 45 && order.cost <= 50, String(order.cost));
});

// The cost is passed on as an amount: these are two coins.
await check('createMarketOrderWithCost', async () => {
    assert.equal((await fresh().createMarketOrderWithCost(SPOT, 'buy', 2)).filled, 2);
});

await check('createOrder: IOC', async () => {
    assert.equal((await resting(fresh(), SPOT, { timeInForce: 'IOC' })).status, 'canceled');
});

await check('createOrder: post only', async () => {
    const exchange = fresh();
    assert.equal((await resting(exchange, SPOT, { postOnly: true })).postOnly, true);
    assert.equal((await resting(exchange, SPOT, { timeInForce: 'PO' })).postOnly, true);
});

await check('createOrder: post only, InvalidOrder', async () => {
    const exchange = fresh();
    const { ask } = await best(exchange);
    const price = Number((ask * 1.02).toFixed(2));
    await assert.rejects(exchange.createOrder(SPOT, 'limit', 'buy', 0.5, price, { postOnly: true }), ccxt.InvalidOrder);
});

await check('createReduceOnlyOrder', async () => {
    const exchange = fresh();
    await exchange.createOrder(PERP, 'market', 'buy', 0.2);
    await exchange.createReduceOnlyOrder(PERP, 'market', 'sell', 0.2);
    assert.deepEqual(await exchange.fetchPositions(), []);
});

await check('createOrder: trigger', async () => {
    const exchange = fresh();
    const { bid } = await best(exchange, PERP);
    const order = await exchange.createOrder(PERP, 'market', 'sell', 0.5, undefined, { triggerPrice: bid * 0.8 });
    assert.deepEqual([order.status, order.info.triggerQuantity], ['open', '0.5']);
    assert.equal((await exchange.fetchOpenOrders(PERP))[0].id, order.id);
});

await check('createTriggerOrder', async () => {
    const exchange = fresh();
    const { bid } = await best(exchange, PERP);
    const mark = (price) => control('prices', { symbol: 'SOL_USDC_PERP', mark: price?.toFixed(2) ?? null });
    try {
        await mark(bid);
        await exchange.createOrder(PERP, 'market', 'buy', 0.5);
        await exchange.createTriggerOrder(PERP, 'market', 'sell', 0.5, undefined, bid * 0.95, { triggerBy: 'MarkPrice' });
        await mark(bid * 0.94);
        await eventually(async () => (await exchange.fetchPositions()).length === 0);
    } finally {
        await mark(null);
    }
    assert.deepEqual(await exchange.fetchOpenOrders(PERP), []);
});

await check('createOrderWithTakeProfitAndStopLoss', async () => {
    const exchange = fresh();
    const { bid } = await best(exchange, PERP);
    const order = await exchange.createOrderWithTakeProfitAndStopLoss(
        PERP, 'market', 'buy', 0.5, undefined, bid * 1.2, bid * 0.8,
    );
    assert.equal(order.status, 'closed');
    const legs = await exchange.fetchOpenOrders(PERP);
    assert.deepEqual(legs.map(({ info }) => info.relatedOrderId), [order.id, order.id]);
});

await check('createOrders', async () => {
    const exchange = fresh();
    const { bid, ask } = await best(exchange);
    const order = { symbol: SPOT, type: 'limit', side: 'buy', amount: 0.5 };
    const [placed, refused] = await exchange.createOrders([
        { ...order, price: Number((bid * 0.9).toFixed(2)) },
        { ...order, price: Number((ask * 1.02).toFixed(2)), params: { postOnly: true } },
    ]);
    assert.deepEqual([refused.id, refused.info.code, placed.status], [undefined, 'INVALID_ORDER', 'open']);
});

await check('fetchOpenOrder', async () => {
    const exchange = fresh();
    const { id } = await resting(exchange);
    assert.equal((await exchange.fetchOpenOrder(id, SPOT)).status, 'open');
});

await check('fetchOpenOrders', async () => {
    const exchange = fresh();
    const { id } = await resting(exchange);
    assert.deepEqual((await exchange.fetchOpenOrders(SPOT)).map((order) => order.id), [id]);
});

await check('fetchOpenOrder: not found', async () => {
    await assert.rejects(fresh().fetchOpenOrder('1', SPOT), ccxt.ExchangeNotAvailable);
});

await check('fetchOrders', async () => {
    const exchange = fresh();
    const { id } = await exchange.createOrder(SPOT, 'market', 'buy', 0.1);
    assert.deepEqual((await exchange.fetchOrders(SPOT)).map((order) => [order.id, order.status]), [[id, 'closed']]);
});

await check('fetchMyTrades', async () => {
    const exchange = fresh();
    const { id } = await exchange.createOrder(SPOT, 'market', 'buy', 0.1);
    const trades = await exchange.fetchMyTrades(SPOT);
    assert.ok(trades.length > 0 && trades.every(({ order, fee }) => order === id && fee.currency === 'SOL'));
});

await check('cancelOrder', async () => {
    const exchange = fresh();
    const { id } = await resting(exchange);
    assert.equal((await exchange.cancelOrder(id, SPOT)).status, 'canceled');
    assert.deepEqual(await exchange.fetchOpenOrders(SPOT), []);
});

await check('cancelAllOrders', async () => {
    const exchange = fresh();
    const ids = [(await resting(exchange)).id, (await resting(exchange)).id];
    assert.deepEqual((await exchange.cancelAllOrders(SPOT)).map((order) => order.id).sort(), ids);
});

await check('fetchPositions', async () => {
    const exchange = fresh();
    await exchange.createOrder(PERP, 'market', 'sell', 0.4);
    const [position] = await exchange.fetchPositions();
    assert.deepEqual([position.symbol, position.side, Number(position.contracts)], [PERP, 'short', 0.4]);
});

await check('fetchFundingHistory', async () => {
    assert.deepEqual(await fresh().fetchFundingHistory(PERP), []);
});

await check('fetchDeposits', async () => {
    const exchange = fresh();
    await control('transfers', { account: accountOf(exchange), asset: 'USDC', amount: '250' });
    const [deposit] = await exchange.fetchDeposits('USDC');
    assert.deepEqual([deposit.amount, deposit.status], [250, 'ok']);
});

await check('fetchWithdrawals', async () => {
    assert.deepEqual(await fresh().fetchWithdrawals(), []);
});

await check('fetchDepositAddress', async () => {
    assert.ok((await fresh().fetchDepositAddress('USDC', { network: 'SOL' })).address);
});

await check('withdraw: OperationRejected', async () => {
    await assert.rejects(fresh().withdraw('USDC', 10, ADDRESS, undefined, { network: 'SOL' }), ccxt.OperationRejected);
});

await check('createOrder: InsufficientFunds', async () => {
    await assert.rejects(fresh().createOrder(SPOT, 'market', 'sell', 50_000), ccxt.InsufficientFunds);
});

await check('createOrder: InvalidOrder', async () => {
    await assert.rejects(fresh().createOrder(SPOT, 'limit', 'sell', 1, 900), ccxt.InvalidOrder);
});

await check('fetchTicker: BadSymbol', async () => {
    await assert.rejects(reader.fetchTicker('DOGE/USDC'), ccxt.BadSymbol);
});

await check('fetchOHLCV: BadRequest', async () => {
    await assert.rejects(reader.fetchOHLCV(SPOT, '7m'), ccxt.BadRequest);
});

await check('fetchBalance: AuthenticationError', async () => {
    const exchange = fresh();
    exchange.apiKey = `${'A'.repeat(43)}=`;
    await assert.rejects(exchange.fetchBalance(), ccxt.AuthenticationError);
});

await check('fetchBalance: bad signature', async () => {
    const exchange = fresh();
    exchange.secret = `${'A'.repeat(43)}=`;
    await assert.rejects(exchange.fetchBalance(), ccxt.BadRequest);
});
