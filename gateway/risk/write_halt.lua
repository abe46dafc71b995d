-- Set a halt at a venue, or lift it, and enter that into the journals of the accounts it concerns. Safe to run twice: a
-- halt that stands already, or not any more, is left alone.
--
-- KEYS  1 halts · 2 generation · 3 the halt's progress · 4 … journals
-- ARGV  1 field · 2 the halt, or "" to lift it · 3 about how many entries a journal keeps · 4 who
-- Answer  the generation from which on it holds

local field, halt = ARGV[1], ARGV[2]
local before = redis.call("HGET", KEYS[1], field)
if halt == (before or "") then
  return redis.call("GET", KEYS[2]) or "0"
end
local t = redis.call("TIME")
local now = string.format("%.0f", t[1] * 1000000 + t[2])
local last = redis.call("GET", KEYS[2])
if last and tonumber(last) >= tonumber(now) then -- the clock was set back, and replicas wait for a greater one
  now = string.format("%.0f", tonumber(last) + 1)
end
redis.call("SET", KEYS[2], now)
redis.call("DEL", KEYS[3])
if halt == "" then
  redis.call("HDEL", KEYS[1], field)
else
  redis.call("HSET", KEYS[1], field, halt)
end
local is = string.match(halt ~= "" and halt or before, "^%S+ %d+ (.*)$")
for i = 4, #KEYS do
  redis.call("XADD", KEYS[i], "MAXLEN", "~", ARGV[3], "*", "kind", "halt", "owner", "", "action",
    halt == "" and "lifted" or "set", "by", ARGV[4], "halt", is)
end
return now
