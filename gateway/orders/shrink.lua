-- Put what is left of a finished order in the place of its record. Safe to run twice: the second finds no record.
--
-- KEYS  1 order hash · 2 index of the client_order_id · 3 reservation of the venue's client id · 4 recent · 5 ended
--       · 6 past orders that were accepted in the same span of time · 7 spans of which there are any
-- ARGV  1 expected version · 2 order id · 3 what is left · 4 how long to keep that, ms · 5 entry in the list of past
--       orders · 6 the span
-- Answer  1 shrunk · 0 it has changed, or is gone

local t = redis.call("TIME")
local now_ms = t[1] * 1000 + math.floor(t[2] / 1000)
local keep_ms = tonumber(ARGV[4])

redis.call("ZREM", KEYS[5], ARGV[2])
if redis.call("HGET", KEYS[1], "version") ~= ARGV[1] then
  return 0
end
redis.call("SET", KEYS[3], ARGV[3], "PX", keep_ms)
redis.call("DEL", KEYS[1], KEYS[2])
redis.call("ZREM", KEYS[4], ARGV[2])
redis.call("LPUSH", KEYS[6], ARGV[5])
redis.call("ZADD", KEYS[7], "GT", now_ms + keep_ms, ARGV[6])
redis.call("ZREMRANGEBYSCORE", KEYS[7], "-inf", now_ms)
for i = 6, 7 do
  if redis.call("PTTL", KEYS[i]) < keep_ms then
    redis.call("PEXPIRE", KEYS[i], keep_ms)
  end
end
return 1
