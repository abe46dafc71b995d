-- Claim a client's order id, before anything is sent. Safe to run twice: the same nonce finds its own claim.
--
-- A reservation holds the id of an order that has a record; anything else it holds (an order that has ended, one that was
-- only seen at the venue) stands for an order that was placed, and the caller knows how to read it.
--
-- KEYS  1 index of the client_order_id · 2 pending · 3 recent orders · 4 readiness · 5 held · then, for each candidate of
--       the venue's client id, its reservation and the order's hash
-- ARGV  1 nonce · 2 content hash · 3 lease ms · 4 valid_until ms · 5 result · 6 keep finished ms
--       · 7 epoch and 8 steps that the asker remembers · 9 symbol · then per candidate: order id, intent
-- Answer  {"claimed", order id, epoch, steps}, {"taken", what the reservation holds, which candidate, 0},
--         {"held", the stuck order's id, 0, 0} or {"exists" | "conflict" | "expired" | "full" | "not_ready", order id, 0, 0}

local t = redis.call("TIME")
local now_ms = t[1] * 1000 + math.floor(t[2] / 1000)

local known = redis.call("HMGET", KEYS[1], "order_id", "content", "nonce")
if known[1] then
  if known[2] ~= ARGV[2] then
    return { "conflict", known[1], 0, 0 }
  end
  return { known[3] == ARGV[1] and "claimed" or "exists", known[1], 0, 0 }
end
local last = (#KEYS - 5) / 2 - 1
for i = 0, last do
  local kept = redis.call("GET", KEYS[6 + 2 * i])
  if kept and not string.find(kept, "^[%w_-]") then
    return { "taken", kept, i, 0 }
  end
end
if now_ms >= tonumber(ARGV[4]) then
  return { "expired", "", 0, 0 }
end
local why, by = hindrance(KEYS[4], KEYS[5], tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9])
if why then
  return { why, by, 0, 0 }
end
for i = 0, last do
  local reservation, order = KEYS[6 + 2 * i], KEYS[7 + 2 * i]
  local order_id, intent = ARGV[10 + 2 * i], ARGV[11 + 2 * i]
  if redis.call("SETNX", reservation, order_id) == 1 then
    local lease_ms = now_ms + tonumber(ARGV[3])
    redis.call("HSET", KEYS[1], "order_id", order_id, "content", ARGV[2], "nonce", ARGV[1])
    redis.call("HSET", order, "state", "claimed", "version", 1, "nonce", ARGV[1], "intent", intent,
      "result", ARGV[5], "created_ms", now_ms, "updated_ms", now_ms, "lease_until_ms", lease_ms)
    redis.call("ZADD", KEYS[2], lease_ms, order_id)
    redis.call("ZADD", KEYS[3], now_ms, order_id)
    redis.call("ZREMRANGEBYSCORE", KEYS[3], "-inf", now_ms - tonumber(ARGV[6]))
    return { "claimed", order_id, count_step(KEYS[4]) }
  end
end
return { "full", "", 0, 0 }
