-- Enter a trade into an account's journal, unless it is there already. Safe to run twice.
--
-- KEYS  1 journal · 2 trades entered
-- ARGV  1 order and trade id · 2 about how many entries are kept · 3 owner · 4 the trade · 5 how many trades are
--       remembered
-- Answer  1 entered · 0 known

local t = redis.call("TIME")
if redis.call("ZADD", KEYS[2], "NX", t[1] * 1000 + math.floor(t[2] / 1000), ARGV[1]) == 0 then
  return 0
end
redis.call("XADD", KEYS[1], "MAXLEN", "~", ARGV[2], "*", "kind", "fill", "owner", ARGV[3], "data", ARGV[4])
redis.call("ZREMRANGEBYRANK", KEYS[2], 0, -tonumber(ARGV[5]) - 1)
return 1
