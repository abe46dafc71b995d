-- The venue was looked at: orders of the account may leave. Safe to run twice; too late for an epoch that is over.
--
-- KEYS  1 readiness
-- ARGV  1 the epoch that was looked at
-- Answer  1 ready · 0 another epoch has begun

if redis.call("HGET", KEYS[1], "epoch") ~= ARGV[1] then
  return 0
end
redis.call("HSET", KEYS[1], "ready", 1)
return 1
