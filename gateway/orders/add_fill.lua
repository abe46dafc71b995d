-- Enter a trade into an account's journal, and its fee into its order, unless it is there already. Safe to run twice.
-- An order whose record is gone gets the trade alone.
--
-- KEYS  1 journal · 2 trades entered · 3 order hash
-- ARGV  1 order and trade id · 2 about how many entries are kept · 3 owner · 4 the trade · 5 how many trades are
--       remembered · 6 version of the order that the result was made from · 7 nonce of its claim · 8 result with the
--       trade's fee · 9 the step of the order that this is
-- Answer  1 entered · 0 known · -1 not entered: somebody has written the order meanwhile

local t = redis.call("TIME")
local now_ms = t[1] * 1000 + math.floor(t[2] / 1000)

if redis.call("ZSCORE", KEYS[2], ARGV[1]) then
  return 0
end
local is = redis.call("HMGET", KEYS[3], "version", "nonce")
if is[1] and (is[1] ~= ARGV[6] or is[2] ~= ARGV[7]) then
  return -1
end
redis.call("ZADD", KEYS[2], now_ms, ARGV[1])
redis.call("ZREMRANGEBYRANK", KEYS[2], 0, -tonumber(ARGV[5]) - 1)
redis.call("XADD", KEYS[1], "MAXLEN", "~", ARGV[2], "*", "kind", "fill", "owner", ARGV[3], "data", ARGV[4])
if is[1] then
  redis.call("HSET", KEYS[3], "result", ARGV[8], "version", tonumber(is[1]) + 1, "updated_ms", now_ms)
  redis.call("XADD", KEYS[1], "MAXLEN", "~", ARGV[2], "*", "kind", "order", "owner", ARGV[3], "data", ARGV[9])
end
return 1
