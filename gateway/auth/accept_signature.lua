-- Accept a signed request, once in the whole fleet, while it is fresh. Safe to run twice: the same nonce is accepted again.
--
-- KEYS  1 the signed request
-- ARGV  1 nonce · 2 its timestamp, ms · 3 how far that may be from now, ms · 4 how long it is remembered, ms
-- Answer  {"accepted" | "used" | "stale", now ms}

local t = redis.call("TIME")
local now_ms = t[1] * 1000 + math.floor(t[2] / 1000)

if math.abs(now_ms - tonumber(ARGV[2])) > tonumber(ARGV[3]) then
  return { "stale", now_ms }
end
if redis.call("SET", KEYS[1], ARGV[1], "NX", "PX", ARGV[4]) then
  return { "accepted", now_ms }
end
return { redis.call("GET", KEYS[1]) == ARGV[1] and "accepted" or "used", now_ms }
