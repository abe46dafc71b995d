-- End an order's reservation at the levels where it has one. Safe to run twice: the second finds none.
--
-- KEYS  1 the account's reservations · then for each level: open, traded, rate
-- ARGV  1 claim · 2 units it traded, -1 if nobody knows: then all that it might have · 3 "1" if it was never sent
--       · 4 how long a day's sum is kept, ms
-- Answer  1 released · 0 there was none

local t = redis.call("TIME")
local day, claim = math.floor(t[1] / 86400), ARGV[1]

if redis.call("HDEL", KEYS[1], claim) == 0 then
  return 0
end
for i = 1, (#KEYS - 1) / 3 do
  local open, traded, rate = KEYS[3 * i - 1], KEYS[3 * i], KEYS[3 * i + 1]
  local units = redis.call("HGET", open, claim)
  if units then
    redis.call("HDEL", open, claim)
    if units ~= "0" then
      redis.call("HINCRBY", open, "sum", "-" .. units)
    end
    if redis.call("HLEN", open) <= 1 then
      redis.call("DEL", open)
    end
    local done = ARGV[2] == "-1" and units or ARGV[2]
    if done ~= "0" then
      if redis.call("HGET", traded, "day") ~= tostring(day) then
        redis.call("HSET", traded, "day", day, "units", 0)
      end
      redis.call("HINCRBY", traded, "units", done)
      redis.call("PEXPIRE", traded, ARGV[4])
    end
  end
  if ARGV[3] == "1" then
    redis.call("ZREM", rate, claim)
  end
end
return 1
