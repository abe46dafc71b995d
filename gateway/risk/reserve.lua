-- Admit an order at all of its levels, or at none. Safe to run twice: the second run finds the reservation.
--
-- KEYS  1 the account's reservations · then for each level: open, traded, rate
-- ARGV  1 claim · 2 reservation · 3 units the order may trade · 4 "1" if it counts as open · 5 "reserve" | "try", which
--       changes nothing | "adopt", which asks no limit · then for each level, -1 where it has none: open orders, units a
--       day, orders a period, the period ms
-- Answer  {"reserved"} | {"refused", level from 1, limit, what would be, ms until one may go}

local t = redis.call("TIME")
local now_ms, day = t[1] * 1000 + math.floor(t[2] / 1000), math.floor(t[1] / 86400)
local claim, units, is_open, way = ARGV[1], ARGV[3], ARGV[4] == "1", ARGV[5]
local levels = (#KEYS - 1) / 3

if redis.call("HEXISTS", KEYS[1], claim) == 1 then
  return { "reserved" }
end
for i = 1, levels do
  local open, traded, rate = KEYS[3 * i - 1], KEYS[3 * i], KEYS[3 * i + 1]
  local open_max, day_max = tonumber(ARGV[4 * i + 2]), tonumber(ARGV[4 * i + 3])
  local rate_max, period_ms = tonumber(ARGV[4 * i + 4]), tonumber(ARGV[4 * i + 5])
  if way ~= "adopt" then
    if is_open and open_max >= 0 then
      local orders = math.max(redis.call("HLEN", open), 1) -- of its fields one is the sum, so that this counts ours
      if orders > open_max then
        return { "refused", i, "max_open_orders", orders, 0 }
      end
    end
    if is_open and day_max >= 0 then
      local would_be = held(open) + traded_on(traded, day) + tonumber(units)
      if would_be > day_max then
        return { "refused", i, "daily_notional", would_be, 0 }
      end
    end
    if rate_max >= 0 then
      local lately = redis.call("ZCOUNT", rate, "(" .. (now_ms - period_ms), "+inf")
      if lately >= rate_max then
        local first = redis.call("ZRANGEBYSCORE", rate, "(" .. (now_ms - period_ms), "+inf", "WITHSCORES", "LIMIT", 0, 1)
        return { "refused", i, "order_rate", lately + 1, first[2] and first[2] + period_ms - now_ms or period_ms }
      end
    end
  end
end
if way == "try" then
  return { "reserved" }
end
redis.call("HSET", KEYS[1], claim, ARGV[2])
for i = 1, levels do
  local open, rate, period_ms = KEYS[3 * i - 1], KEYS[3 * i + 1], tonumber(ARGV[4 * i + 5])
  if is_open then
    redis.call("HSET", open, claim, units)
    redis.call("HINCRBY", open, "sum", units)
  end
  if way == "reserve" and period_ms >= 0 then
    redis.call("ZREMRANGEBYSCORE", rate, "-inf", now_ms - period_ms)
    redis.call("ZADD", rate, now_ms, claim)
    redis.call("PEXPIRE", rate, period_ms)
  end
end
return { "reserved" }
