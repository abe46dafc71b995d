-- Fix the send time of a claimed order, once. Safe to run twice: the same nonce gets the same time again.
--
-- KEYS  1 order hash · 2 pending · 3 readiness · 4 held
-- ARGV  1 nonce · 2 order id · 3 valid_until ms · 4 venue clock minus Redis clock, ms · 5 window ms · 6 lease ms
--       · 7 epoch and 8 steps that the asker remembers · 9 symbol
-- Answer  {"send", send ms in the venue's time, version, epoch, steps}, {"held", 0, version, stuck order's id} or
--         {"gone" | "expired" | "not_ready", 0, version}

local t = redis.call("TIME")
local now_ms = t[1] * 1000 + math.floor(t[2] / 1000)

local state = redis.call("HMGET", KEYS[1], "state", "nonce", "send_ms", "version")
if state[2] ~= ARGV[1] then
  return { "gone", 0, 0 }
end
if state[1] == "sent" then
  return { "send", tonumber(state[3]), tonumber(state[4]), 0, 0 }
end
if state[1] ~= "claimed" then
  return { "gone", 0, 0 }
end
if now_ms >= tonumber(ARGV[3]) then
  return { "expired", 0, tonumber(state[4]) }
end
local why, by = hindrance(KEYS[3], KEYS[4], tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9])
if why then
  return { why, 0, tonumber(state[4]), by }
end
local send_ms = now_ms + tonumber(ARGV[4])
local lease_ms = now_ms + tonumber(ARGV[6])
local version = tonumber(state[4]) + 1
redis.call("HSET", KEYS[1], "state", "sent", "send_ms", send_ms, "window_ms", ARGV[5], "version", version,
  "updated_ms", now_ms, "lease_until_ms", lease_ms)
redis.call("ZADD", KEYS[2], lease_ms, ARGV[2])
return { "send", send_ms, version, count_step(KEYS[3]) }
