-- Put what is left of a finished order in the place of its record. Safe to run twice: the second finds no record.
--
-- KEYS  1 order hash · 2 index of the client_order_id · 3 reservation of the venue's client id · 4 recent · 5 ended
--       · 6 past orders
-- ARGV  1 expected version · 2 order id · 3 what is left · 4 how long to keep that, ms · 5 venue's client id
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
redis.call("LPUSH", KEYS[6], math.floor(now_ms / 1000) .. ":" .. ARGV[5])
redis.call("PEXPIRE", KEYS[6], keep_ms)
for _ = 1, 3 do  -- more than come, so that it catches up
  local oldest = redis.call("LINDEX", KEYS[6], -1)
  if tonumber(string.match(oldest, "^%d+")) * 1000 > now_ms - keep_ms then
    break
  end
  redis.call("RPOP", KEYS[6])
end
return 1
