-- Keep a venue's token, unless a newer one is there. Safe to run twice.
--
-- KEYS  1 the token
-- ARGV  1 generation · 2 sealed token · 3 expires µs · 4 ms to keep it
-- Answer  the generation that is kept now

local known = tonumber(redis.call("HGET", KEYS[1], "generation") or "0") or 0
if tonumber(ARGV[1]) <= known then
  return known
end
redis.call("HSET", KEYS[1], "generation", ARGV[1], "sealed", ARGV[2], "expires_us", ARGV[3])
redis.call("PEXPIRE", KEYS[1], ARGV[4])
return tonumber(ARGV[1])
