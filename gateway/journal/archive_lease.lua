-- Take or keep a venue's archive. Safe to run twice.
--
-- KEYS  1 lease · 2 epoch
-- ARGV  1 replica · 2 how long ms
-- Answer  the epoch, 0 if another replica holds it

local holder = redis.call("GET", KEYS[1])
if holder then
  local replica, epoch = holder:match("^(.*)|(%d+)$")
  if replica ~= ARGV[1] then
    return 0
  end
  redis.call("PEXPIRE", KEYS[1], ARGV[2])
  return tonumber(epoch)
end
-- Epochs rise for ever, even where the last one was lost: Redis' own time is above all that were given out before.
local t = redis.call("TIME")
local epoch = math.max(tonumber(redis.call("GET", KEYS[2]) or "0") + 1, t[1] * 1000 + math.floor(t[2] / 1000))
redis.call("SET", KEYS[2], string.format("%d", epoch))
redis.call("SET", KEYS[1], ARGV[1] .. "|" .. string.format("%d", epoch), "PX", ARGV[2])
return epoch
