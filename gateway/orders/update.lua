-- Write an order's next state, if it is still the same claim and nobody else has written since it was read. Safe to run
-- twice: the second finds another version and changes nothing.
--
-- KEYS  1 order hash · 2 index of the client_order_id · 3 reservation of the venue's client id · 4 pending · 5 recent
--       · 6 live · 7 the account's journal · 8 held · 9 ended
-- ARGV  1 expected version · 2 state · 3 result · 4 order id · 5 when to look again ms from now · 6 keep finished ms
--       · 7 nonce of the claim · 8 owner · 9 about how many entries the journal keeps · 10 the step · 11 symbol that the
--       order holds, or empty
-- Answer  1 written · 0 somebody was faster

local t = redis.call("TIME")
local now_ms = t[1] * 1000 + math.floor(t[2] / 1000)

local is = redis.call("HMGET", KEYS[1], "version", "nonce")
if is[1] ~= ARGV[1] or is[2] ~= ARGV[7] then
  return 0
end
local state, order_id = ARGV[2], ARGV[4]
if state == "not_sent" then
  redis.call("DEL", KEYS[1], KEYS[2], KEYS[3])
  redis.call("ZREM", KEYS[4], order_id)
  redis.call("ZREM", KEYS[5], order_id)
  return 1
end
local version = tonumber(ARGV[1]) + 1
redis.call("HSET", KEYS[1], "state", state, "result", ARGV[3], "version", version, "updated_ms", now_ms)
redis.call("XADD", KEYS[7], "MAXLEN", "~", ARGV[9], "*", "kind", "order", "owner", ARGV[8], "data", ARGV[10])
if state == "unknown" then
  redis.call("ZADD", KEYS[4], now_ms + tonumber(ARGV[5]), order_id)
elseif state == "live" or state == "done" then
  redis.call("ZREM", KEYS[4], order_id)
end
if ARGV[11] ~= "" then
  redis.call("HSET", KEYS[8], order_id, ARGV[11])
else
  redis.call("HDEL", KEYS[8], order_id)
end
if state == "live" then
  redis.call("ZADD", KEYS[6], now_ms, order_id)
end
if state == "done" then
  redis.call("ZREM", KEYS[6], order_id)
  redis.call("ZADD", KEYS[9], now_ms, order_id)
  for i = 1, 3 do
    redis.call("PEXPIRE", KEYS[i], ARGV[6])
  end
end
return 1
