-- KEYS: lease   ARGV: replica|epoch, duration_ms
-- Returns 1 if the term goes on, 0 if it is over. Safe to run twice.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return 1
end
return 0
