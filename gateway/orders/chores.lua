-- Take chores that are due, and put off those that are being seen to. Safe to run twice: what was taken is due again
-- when it has been put off for long enough.
--
-- KEYS  1 queue
-- ARGV  1 how many to take · 2 for how long to take them, ms · then, for each chore to put off: chore, ms from now
-- Answer  the chores taken

local t = redis.call("TIME")
local now_ms = t[1] * 1000 + math.floor(t[2] / 1000)

for i = 3, #ARGV, 2 do
  redis.call("ZADD", KEYS[1], "XX", now_ms + tonumber(ARGV[i + 1]), ARGV[i])
end
local taken = redis.call("ZRANGEBYSCORE", KEYS[1], "-inf", now_ms, "LIMIT", 0, tonumber(ARGV[1]))
for _, chore in ipairs(taken) do
  redis.call("ZADD", KEYS[1], now_ms + tonumber(ARGV[2]), chore)
end
return taken
