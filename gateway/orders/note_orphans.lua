-- Note which of an account's venue orders no record knows; enter those that were not noted before into its journal.
-- Safe to run twice: the second finds them noted.
--
-- KEYS  1 orphans · 2 the account's journal
-- ARGV  1 how long to keep them, ms · 2 about how many entries the journal keeps · then per orphan: the venue's order id,
--       the order as the venue shows it
-- Answer  the venue's order ids that are new

local new = {}
for i = 3, #ARGV, 2 do
  if redis.call("HEXISTS", KEYS[1], ARGV[i]) == 0 then
    new[#new + 1] = ARGV[i]
    redis.call("XADD", KEYS[2], "MAXLEN", "~", ARGV[2], "*", "kind", "orphan", "owner", "", "data", ARGV[i + 1])
  end
end
redis.call("DEL", KEYS[1])
for i = 3, #ARGV, 2 do
  redis.call("HSET", KEYS[1], ARGV[i], ARGV[i + 1])
end
redis.call("PEXPIRE", KEYS[1], ARGV[1])
return new
