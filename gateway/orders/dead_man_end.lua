-- End a firing: none of its orders is left. Safe to run twice: the second changes nothing.
--
-- KEYS  1 the client's switches · 2 firings · 3 the account's journal · 4 the orders it covered
-- ARGV  1 session · 2 name of the firing · 3 when it fired, ms · 4 how many were cancelled · 5 client · 6 about how many
--       entries the journal keeps · 7 exempt labels
-- Answer  1 ended · 0 it had been before

if redis.call("ZREM", KEYS[2], ARGV[2]) == 0 then
  return 0
end
redis.call("DEL", KEYS[4])
local kept = redis.call("HGET", KEYS[1], ARGV[1])
if kept then
  local switch = cjson.decode(kept)
  switch.firings = switch.firings - 1
  if switch.fired_ms == tonumber(ARGV[3]) then
    switch.cancelled = tonumber(ARGV[4])
  end
  redis.call("HSET", KEYS[1], ARGV[1], cjson.encode(switch))
end
redis.call("XADD", KEYS[3], "MAXLEN", "~", ARGV[6], "*", "kind", "dead_man", "owner", ARGV[5], "data",
  cjson.encode({ state = "done", session = ARGV[1], exempt = ARGV[7], fired_at = tonumber(ARGV[3]),
    cancelled = tonumber(ARGV[4]) }))
return 1
