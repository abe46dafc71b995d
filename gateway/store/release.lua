-- Give up a lease, if it is still ours. Safe to run twice.
--
-- KEYS  1 the lease    ARGV  1 our mark
-- Answer  1 it was ours and is free now · 0 it was not

if redis.call("GET", KEYS[1]) == ARGV[1] then
  return redis.call("DEL", KEYS[1])
end
return 0
