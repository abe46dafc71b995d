-- Enter what an account holds now, if it is another than was last entered. Safe to run twice: the second changes nothing.
--
-- KEYS  1 journal · 2 what was last entered
-- ARGV  1 about how many entries are kept · 2 of what · 3 the venue's time µs, 0 where it is not known · 4 what tells it
--       from another · 5 kind · 6 owner · 7 data
-- Answer  1 entered · 0 known, or older than what is known

local time_us = "0"
local known = redis.call("HGET", KEYS[2], ARGV[2])
if known then
  local last_us, last = known:match("^(%d+) (.*)$")
  if ARGV[3] == "0" then
    time_us = last_us
  elseif tonumber(ARGV[3]) < tonumber(last_us) then
    return 0
  end
  known = last
end
if ARGV[3] ~= "0" then
  time_us = ARGV[3]
end
redis.call("HSET", KEYS[2], ARGV[2], time_us .. " " .. ARGV[4])
if known == ARGV[4] then
  return 0
end
redis.call("XADD", KEYS[1], "MAXLEN", "~", ARGV[1], "*", "kind", ARGV[5], "owner", ARGV[6], "data", ARGV[7])
return 1
