-- Make a record of an order that was only seen at the venue, now that its client has named it. Safe to run twice.
--
-- The record begins as unknown: what the venue shows of it settles it like any other.
--
-- KEYS  1 reservation of the venue's client id · 2 index of the client_order_id · 3 order hash · 4 pending · 5 recent
--       · 6 a record to be replaced, or the order hash again · 7 live
-- ARGV  1 the note that is kept for it · 2 order id · 3 content hash · 4 nonce · 5 intent · 6 result · 7 created ms
--       · 8 order id of the record to be replaced, or empty · 9 what the reservation is to hold
-- Answer  1 adopted · 0 somebody was faster

local t = redis.call("TIME")
local now_ms = t[1] * 1000 + math.floor(t[2] / 1000)

if redis.call("GET", KEYS[1]) ~= ARGV[1] then
  return 0
end
if ARGV[8] ~= "" then
  redis.call("DEL", KEYS[6])
  for i = 4, 5 do
    redis.call("ZREM", KEYS[i], ARGV[8])
  end
  redis.call("ZREM", KEYS[7], ARGV[8])
end
redis.call("SET", KEYS[1], ARGV[9])
if ARGV[9] == ARGV[2] then
  redis.call("HSET", KEYS[2], "order_id", ARGV[2], "content", ARGV[3], "nonce", ARGV[4])
end
redis.call("HSET", KEYS[3], "state", "unknown", "version", 1, "nonce", ARGV[4], "intent", ARGV[5], "result", ARGV[6],
  "created_ms", ARGV[7], "updated_ms", now_ms, "lease_until_ms", 0)
redis.call("ZADD", KEYS[4], now_ms, ARGV[2])
redis.call("ZADD", KEYS[5], now_ms, ARGV[2])
return 1
