-- Fix the send time of a claimed order, once. Safe to run twice: the same nonce gets the same time again.
--
-- KEYS  1 order hash · 2 pending · 3 halts
-- ARGV  1 nonce · 2 order id · 3 valid_until ms · 4 venue clock minus Redis clock, ms · 5 window ms · 6 lease ms
--       · 7 "1" if it is reduce-only · 8 … the fields of the halts that would concern it
-- Answer  {"send" | "gone" | "expired", send ms in the venue's time, version} | {"halted", the halt, version}

local t = redis.call("TIME")
local now_ms = t[1] * 1000 + math.floor(t[2] / 1000)

local state = redis.call("HMGET", KEYS[1], "state", "nonce", "send_ms", "version")
if state[2] ~= ARGV[1] then
  return { "gone", 0, 0 }
end
-- Asked even where the send time is fixed already: whoever asks has not sent yet.
local halt = halted(KEYS[3], ARGV, 8, ARGV[7] == "1", now_ms)
if halt then
  return { "halted", halt, tonumber(state[4]) }
end
if state[1] == "sent" then
  return { "send", tonumber(state[3]), tonumber(state[4]) }
end
if state[1] ~= "claimed" then
  return { "gone", 0, 0 }
end
if now_ms >= tonumber(ARGV[3]) then
  return { "expired", 0, tonumber(state[4]) }
end
local send_ms = now_ms + tonumber(ARGV[4])
local lease_ms = now_ms + tonumber(ARGV[6])
local version = tonumber(state[4]) + 1
redis.call("HSET", KEYS[1], "state", "sent", "send_ms", send_ms, "window_ms", ARGV[5], "version", version,
  "updated_ms", now_ms, "lease_until_ms", lease_ms)
redis.call("ZADD", KEYS[2], lease_ms, ARGV[2])
return { "send", send_ms, version }
