-- Set a dead-man switch, renew it, or switch it off. Safe to run twice: the second renews it once more.
--
-- KEYS  1 the client's switches · 2 deadlines
-- ARGV  1 session · 2 name of the switch · 3 timeout ms, 0 for off · 4 exempt labels · 5 how many switches a client may
--       have · 6 keep switches ms · 7 how many of its firings may have orders left
-- Answer  what is kept of the switch now; nil: there are as many as there may be

local t = redis.call("TIME")
local now_ms = t[1] * 1000 + math.floor(t[2] / 1000)
local timeout_ms = tonumber(ARGV[3])

-- Which of the switches to forget: the one that fired longest ago, and has no order left to end.
local function oldest_done()
  local all, oldest, since = redis.call("HGETALL", KEYS[1]), nil, nil
  for i = 1, #all, 2 do
    local one = cjson.decode(all[i + 1])
    if not one.deadline_ms and one.firings == 0 and (not since or one.fired_ms < since) then
      oldest, since = all[i], one.fired_ms
    end
  end
  return oldest
end

local kept = redis.call("HGET", KEYS[1], ARGV[1])
if not kept and timeout_ms == 0 then
  return '{"firings":0}'
end
if not kept and redis.call("HLEN", KEYS[1]) >= tonumber(ARGV[5]) then
  local oldest = oldest_done()
  if not oldest then
    return nil
  end
  redis.call("HDEL", KEYS[1], oldest)
end

local switch = kept and cjson.decode(kept) or { firings = 0 }
if timeout_ms > 0 and switch.firings >= tonumber(ARGV[7]) then
  return nil
end
if timeout_ms == 0 then
  switch.deadline_ms, switch.timeout_ms, switch.exempt = nil, nil, nil
  redis.call("ZREM", KEYS[2], ARGV[2])
else
  switch.deadline_ms, switch.timeout_ms, switch.exempt = now_ms + timeout_ms, timeout_ms, ARGV[4]
  redis.call("ZADD", KEYS[2], switch.deadline_ms, ARGV[2])
end
local text = cjson.encode(switch)
if switch.deadline_ms or switch.fired_ms then
  redis.call("HSET", KEYS[1], ARGV[1], text)
  redis.call("PEXPIRE", KEYS[1], ARGV[6])
else
  redis.call("HDEL", KEYS[1], ARGV[1])
end
return text
