// What the scripts share: an exchange object at the sandbox, checks that report one JSON line each, and the control plane.

import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import ccxt from 'ccxt';

const { SANDBOX_URL, SANDBOX_WS_URL, SANDBOX_KEYS } = process.env;
const KEYS = JSON.parse(SANDBOX_KEYS);
const ACCOUNTS = new Map(KEYS.map((keys) => [keys.public, keys.account]));
const LIMIT_MS = 20_000;

// A stream that fails while something else is waited for is looked at a moment later.
process.on('unhandledRejection', () => {});

export const SPOT = 'SOL/USDC';
export const PERP = 'SOL/USDC:USDC';
export { assert, ccxt };

/** An exchange object with nothing but its keys and addresses set; every one has an account of its own. */
export function exchangeAt(exchangeClass, keys = KEYS.shift()) {
    const exchange = new exchangeClass({ apiKey: keys.public, secret: keys.secret });
    const streams = { public: SANDBOX_WS_URL, private: SANDBOX_WS_URL };
    exchange.urls.api = { public: SANDBOX_URL, private: SANDBOX_URL, ws: streams };
    return exchange;
}

/** The name of the account that an exchange object trades with. */
export const accountOf = (exchange) => ACCOUNTS.get(exchange.apiKey);

/** Run one check and say how it went. */
export async function check(call, act) {
    const limit = new AbortController();
    const late = pause(LIMIT_MS, undefined, { signal: limit.signal }).then(() => {
        throw new Error(`nothing after ${LIMIT_MS} ms`);
    });
    try {
        await Promise.race([act(), late]);
        console.log(JSON.stringify({ call, ok: true }));
    } catch (error) {
        console.log(JSON.stringify({ call, ok: false, error: String(error?.stack ?? error).split('\n').slice(0, 12).join('\n') }));
    } finally {
        late.catch(() => {});
        limit.abort();
    }
}

/** Tell the simulation something, such as where a price stands. */
export async function control(path, body) {
    const answer = await fetch(`${SANDBOX_URL}/sim/${path}`, { method: 'POST', body: JSON.stringify(body) });
    assert.equal(answer.status, 200, await answer.text());
}

export async function eventually(condition) {
    for (let tries = 0; tries < 200; tries++) {
        if (await condition()) return;
        await pause(50);
    }
    throw new Error('it never came true');
}

/** Whether an account follows a stream, or anyone a public one; the venue says it nowhere but in its control plane. */
async function follows(account, stream) {
    const answer = await fetch(`${SANDBOX_URL}/sim/ledger/subscriptions`);
    return (await answer.json()).subscriptions.some((row) => row.stream === stream && row.account === account);
}

export const subscribed = (exchange, stream) => eventually(() => follows(accountOf(exchange), stream));
export const unsubscribed = (exchange, stream) => eventually(async () => !await follows(accountOf(exchange), stream));
export const left = (stream) => eventually(async () => !await follows(null, stream));

export const sorted = (numbers) => numbers.every((number, index) => index === 0 || numbers[index - 1] <= number);

export async function best(exchange, symbol = SPOT) {
    const { bids, asks } = await exchange.fetchOrderBook(symbol, 5);
    return { bid: bids[0][0], ask: asks[0][0] };
}

/** A bid well below the market. */
export async function resting(exchange, symbol = SPOT, params = {}) {
    const { bid } = await best(exchange, symbol);
    return await exchange.createOrder(symbol, 'limit', 'buy', 0.5, Number((bid * 0.9).toFixed(2)), params);
}
