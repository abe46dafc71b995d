-- Record how far a journal has been copied, and cut what is copied and not among the newest; only for who holds the
-- lease. Safe to run twice.
--
-- KEYS  1 lease · 2 position · 3 journal
-- ARGV  1 holder of the lease · 2 the lease's length ms · 3 last cursor copied · 4 how many entries are kept at least
-- Answer  1 recorded · 0 another archiver has taken over

if redis.call("GET", KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call("PEXPIRE", KEYS[1], ARGV[2])
redis.call("SET", KEYS[2], ARGV[3])
-- Far behind nothing is cut, so that counting what is not copied stays cheap.
local count_max = 1000
local behind = #redis.call("XRANGE", KEYS[3], "(" .. ARGV[3], "+", "COUNT", count_max)
if behind < count_max then
  redis.call("XTRIM", KEYS[3], "MAXLEN", "~", math.max(tonumber(ARGV[4]), behind + 1))
end
return 1
