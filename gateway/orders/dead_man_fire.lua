-- Fire a dead-man switch whose deadline has passed, once for each time it was set. Safe to run twice, and late: a switch
-- that was renewed, switched off or fired meanwhile does not fire.
--
-- KEYS  1 the client's switches · 2 deadlines · 3 firings · 4 the account's journal
-- ARGV  1 session · 2 name of the switch · 3 client · 4 about how many entries the journal keeps · 5 keep switches ms
-- Answer  when it fired, ms; 0: it did not

local t = redis.call("TIME")
local now_ms = t[1] * 1000 + math.floor(t[2] / 1000)

local deadline_ms = redis.call("ZSCORE", KEYS[2], ARGV[2])
if not deadline_ms or tonumber(deadline_ms) > now_ms then
  return 0
end
redis.call("ZREM", KEYS[2], ARGV[2])
local kept = redis.call("HGET", KEYS[1], ARGV[1])
local switch = kept and cjson.decode(kept) or { firings = 0 }
local exempt = switch.exempt or ""
switch.deadline_ms, switch.timeout_ms, switch.exempt = nil, nil, nil
switch.fired_ms, switch.cancelled, switch.firings = now_ms, nil, switch.firings + 1
redis.call("HSET", KEYS[1], ARGV[1], cjson.encode(switch))
redis.call("PEXPIRE", KEYS[1], ARGV[5])
redis.call("ZADD", KEYS[3], 0, string.format("%d/%s/%s", now_ms, ARGV[2], exempt))
redis.call("XADD", KEYS[4], "MAXLEN", "~", ARGV[4], "*", "kind", "dead_man", "owner", ARGV[3], "data",
  cjson.encode({ state = "fired", session = ARGV[1], exempt = exempt, fired_at = now_ms }))
return now_ms
