-- Let an open order trade more than was reserved for it, at all of its levels or at none. Safe to run twice. What is
-- reserved never shrinks here: until the venue has changed the order, the larger of the two may trade.
--
-- KEYS  1 the account's reservations · then for each level: open, traded, rate
-- ARGV  1 claim · 2 units it may trade then · then for each level, -1 where it has none: units a day
-- Answer  {"reserved"} | {"none"}: it has no reservation | {"refused", level from 1, limit, what would be, 0}

local t = redis.call("TIME")
local day, claim, units = math.floor(t[1] / 86400), ARGV[1], ARGV[2]
local levels = (#KEYS - 1) / 3

if redis.call("HEXISTS", KEYS[1], claim) == 0 then
  return { "none" }
end
for i = 1, levels do
  local open, day_max = KEYS[3 * i - 1], tonumber(ARGV[2 + i])
  local before = redis.call("HGET", open, claim)
  if before and day_max >= 0 and tonumber(units) > tonumber(before) then
    local would_be = held(open) + traded_on(KEYS[3 * i], day) + tonumber(units) - tonumber(before)
    if would_be > day_max then
      return { "refused", i, "daily_notional", would_be, 0 }
    end
  end
end
for i = 1, levels do
  local open = KEYS[3 * i - 1]
  local before = redis.call("HGET", open, claim)
  if before and tonumber(units) > tonumber(before) then
    redis.call("HSET", open, claim, units)
    redis.call("HINCRBY", open, "sum", units)
    if before ~= "0" then
      redis.call("HINCRBY", open, "sum", "-" .. before)
    end
  end
end
return { "reserved" }
