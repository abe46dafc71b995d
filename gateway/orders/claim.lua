-- Claim a client's order id, before anything is sent. Safe to run twice: the same nonce finds its own claim.
--
-- KEYS  1 index of the client_order_id · 2 pending · 3 recent orders · then, for each candidate of the venue's client
--       id, its reservation and the order's hash
-- ARGV  1 nonce · 2 content hash · 3 lease ms · 4 valid_until ms · 5 result · 6 keep finished ms
--       · then per candidate: order id, intent
-- Answer  {"claimed" | "exists" | "conflict" | "expired" | "full", order id, now ms}

local t = redis.call("TIME")
local now_ms = t[1] * 1000 + math.floor(t[2] / 1000)

local known = redis.call("HMGET", KEYS[1], "order_id", "content", "nonce")
if known[1] then
  if known[2] ~= ARGV[2] then
    return { "conflict", known[1], now_ms }
  end
  return { known[3] == ARGV[1] and "claimed" or "exists", known[1], now_ms }
end
if now_ms >= tonumber(ARGV[4]) then
  return { "expired", "", now_ms }
end
for i = 0, (#KEYS - 3) / 2 - 1 do
  local reservation, order = KEYS[4 + 2 * i], KEYS[5 + 2 * i]
  local order_id, intent = ARGV[7 + 2 * i], ARGV[8 + 2 * i]
  if redis.call("SETNX", reservation, order_id) == 1 then
    local lease_ms = now_ms + tonumber(ARGV[3])
    redis.call("HSET", KEYS[1], "order_id", order_id, "content", ARGV[2], "nonce", ARGV[1])
    redis.call("HSET", order, "state", "claimed", "version", 1, "nonce", ARGV[1], "intent", intent,
      "result", ARGV[5], "created_ms", now_ms, "updated_ms", now_ms, "lease_until_ms", lease_ms)
    redis.call("ZADD", KEYS[2], lease_ms, order_id)
    redis.call("ZADD", KEYS[3], now_ms, order_id)
    redis.call("ZREMRANGEBYSCORE", KEYS[3], "-inf", now_ms - tonumber(ARGV[6]))
    return { "claimed", order_id, now_ms }
  end
end
return { "full", "", now_ms }
