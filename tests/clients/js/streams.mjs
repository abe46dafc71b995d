// ccxt.pro for JavaScript: the market's streams, and those of an account's orders, positions and balances.

import { assert, ccxt, check, exchangeAt, left, PERP, resting, SPOT, subscribed, unsubscribed } from './checks.mjs';

/** Run a check with an exchange object of its own, and close its socket. */
async function watching(act) {
    const exchange = exchangeAt(ccxt.pro.backpack);
    try {
        await exchange.loadHttpProxyAgent(); // ccxt wants it for any address that begins with ws://
        await exchange.loadMarkets();
        await act(exchange);
    } finally {
        await exchange.close();
    }
}

await check('watchTicker', () => watching(async (exchange) => {
    const ticker = await exchange.watchTicker(SPOT);
    assert.ok(ticker.low <= ticker.last && ticker.last <= ticker.high);
}));

await check('watchTickers', () => watching(async (exchange) => {
    const seen = new Set();
    while (seen.size < 2) Object.keys(await exchange.watchTickers([SPOT, PERP])).forEach((symbol) => seen.add(symbol));
}));

// Unlike in Python, the frame is sent.
await check('unWatchTicker', () => watching(async (exchange) => {
    await exchange.watchTicker(SPOT);
    await exchange.unWatchTicker(SPOT);
    await left('ticker.SOL_USDC');
}));

await check('watchBidsAsks', () => watching(async (exchange) => {
    const { [SPOT]: top } = await exchange.watchBidsAsks([SPOT]);
    assert.ok(top.bid < top.ask);
}));

await check('watchOHLCV', () => watching(async (exchange) => {
    const [[, open, high, low, close]] = await exchange.watchOHLCV(SPOT, '1m');
    assert.ok(low <= Math.min(open, close) && Math.max(open, close) <= high);
}));

await check('watchTrades', () => watching(async (exchange) => {
    const [trade] = await exchange.watchTrades(SPOT);
    assert.ok(trade.price > 0 && ['buy', 'sell'].includes(trade.side));
}));

await check('unWatchTrades', () => watching(async (exchange) => {
    await exchange.watchTrades(SPOT);
    await exchange.unWatchTrades(SPOT);
    await left('trade.SOL_USDC');
}));

await check('watchOrderBook', () => watching(async (exchange) => {
    for (let times = 0; times < 3; times++) {
        const { bids, asks } = await exchange.watchOrderBook(SPOT);
        assert.ok(bids[0][0] < asks[0][0]);
    }
}));

await check('watchOrders', () => watching(async (exchange) => {
    const orders = exchange.watchOrders();
    await subscribed(exchange, 'account.orderUpdate');
    const { id } = await resting(exchange);
    const [order] = await orders;
    assert.deepEqual([order.id, order.status], [id, 'open']);
}));

await check('watchOrders: fills', () => watching(async (exchange) => {
    const orders = exchange.watchOrders(SPOT);
    await subscribed(exchange, 'account.orderUpdate.SOL_USDC');
    const { id } = await exchange.createOrder(SPOT, 'market', 'buy', 0.2);
    let [order] = (await orders).slice(-1);
    while (order.status !== 'closed') [order] = (await exchange.watchOrders(SPOT)).slice(-1);
    assert.deepEqual([order.id, order.fee.currency, Number(order.info.z)], [id, 'SOL', 0.2]);
}));

await check('unWatchOrders', () => watching(async (exchange) => {
    const orders = exchange.watchOrders(SPOT);
    await subscribed(exchange, 'account.orderUpdate.SOL_USDC');
    await resting(exchange);
    await orders;
    await exchange.unWatchOrders(SPOT);
    await unsubscribed(exchange, 'account.orderUpdate.SOL_USDC');
}));

await check('watchPositions', () => watching(async (exchange) => {
    const positions = exchange.watchPositions([PERP]);
    await subscribed(exchange, 'account.positionUpdate.SOL_USDC_PERP');
    await exchange.createOrder(PERP, 'market', 'sell', 0.3);
    const [position] = await positions;
    assert.deepEqual([position.symbol, position.side, Number(position.contracts)], [PERP, 'short', 0.3]);
}));

process.exit(0); // an exchange object's timers would keep the process for a while
