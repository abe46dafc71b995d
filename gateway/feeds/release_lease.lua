-- KEYS: lease   ARGV: replica|epoch
-- Returns 1 if the lease was ours and is now free. Safe to run twice.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
