-- Give up the right to log in, if it is still ours. Safe to run twice.
--
-- KEYS  1 the lease    ARGV  1 our mark

if redis.call("GET", KEYS[1]) == ARGV[1] then
  return redis.call("DEL", KEYS[1])
end
return 0
