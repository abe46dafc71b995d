-- What counts against the limits of some levels now.
--
-- KEYS  for each level: open, traded, rate
-- ARGV  for each level: the period of its rate, ms
-- Answer  for each level {open orders, units they may still trade, units traded today, orders in the last period}

local t = redis.call("TIME")
local now_ms, day = t[1] * 1000 + math.floor(t[2] / 1000), math.floor(t[1] / 86400)
local levels = {}
for i = 1, #KEYS / 3 do
  local open, traded, rate = KEYS[3 * i - 2], KEYS[3 * i - 1], KEYS[3 * i]
  local orders = math.max(redis.call("HLEN", open) - 1, 0)
  levels[i] = {
    orders, held(open), traded_on(traded, day),
    redis.call("ZCOUNT", rate, "(" .. (now_ms - tonumber(ARGV[i])), "+inf"),
  }
end
return levels
