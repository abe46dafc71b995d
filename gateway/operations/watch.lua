-- Whether any operation must be looked at by now; and let a store that has lost some know it. Safe to run twice.
--
-- KEYS  1 memory · 2 pending
-- ARGV  1 sends that the asker has seen
-- Answer  {now ms, sends, how many are due}

local t = redis.call("TIME")
local now_ms = t[1] * 1000 + math.floor(t[2] / 1000)

local _, sends = complete_since(KEYS[1], tonumber(ARGV[1]), now_ms)
return { now_ms, sends, redis.call("ZCOUNT", KEYS[2], "-inf", now_ms) }
