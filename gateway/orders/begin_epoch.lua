-- How an account stands. A store without a word on it, or that may lack what was written last, begins a new epoch. Safe
-- to run twice: the second finds the first one's.
--
-- KEYS  1 readiness · 2 the account's journal · 3 held
-- ARGV  1 epoch and 2 steps the asker remembers (0: nothing) · 3 whether nothing can have been lost (1) · 4 about how
--       many entries the journal keeps
-- Answer  {epoch, steps, ready, when the loss was noticed in ms (0: nothing was lost), now ms, stuck orders and the
--         symbols they hold}

local t = redis.call("TIME")
local now_us = t[1] * 1000000 + t[2]
local now_ms = math.floor(now_us / 1000)
local known = tonumber(ARGV[1])

local was = redis.call("HMGET", KEYS[1], "epoch", "steps", "server", "process")
local was_dropped = drop_copy(KEYS[1], was, known, tonumber(ARGV[2]))
local id, process = server_ids(), process_id()  -- of `server_ids` the first
if redis.call("EXISTS", KEYS[1]) == 0 then
  local lost_ms = (ARGV[3] == "1" and known == 0 and not was_dropped) and 0 or now_ms
  local epoch = string.format("%.0f", math.max(now_us, known + 1))
  redis.call("HSET", KEYS[1], "epoch", epoch, "steps", 0, "ready", 0, "lost_ms", lost_ms)
  redis.call("XADD", KEYS[2], "MAXLEN", "~", ARGV[4], "*", "kind", "epoch", "owner", "*", "data",
    cjson.encode({ epoch = epoch, lost = lost_ms ~= 0 }))
end
local is = redis.call("HMGET", KEYS[1], "epoch", "steps", "ready", "lost_ms", "server", "process")
if is[5] ~= id or is[6] ~= process then
  redis.call("HSET", KEYS[1], "server", id, "process", process)  -- new, or restarted with all it had
end
return { tonumber(is[1]), tonumber(is[2]), tonumber(is[3]), tonumber(is[4]), now_ms, redis.call("HGETALL", KEYS[3]) }
