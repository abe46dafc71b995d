-- Whether orders of an account may leave: shared by the scripts that let them.
--
-- The account's hash has `epoch` (when this state of the store began, µs), `steps` (how often an order was let go on
-- since), `server` and `process` (the replication id and the run of the server that wrote it) and `ready` (1: the venue
-- was looked at since). Whoever asks brings the epoch and the steps it remembers.

-- The replication id of this server, and that of the one it was a copy of before it was promoted, if it was.
local function server_ids()
  local info = redis.call("INFO", "replication")
  local before = string.match(info, "master_replid2:(%x+)")
  return string.match(info, "master_replid:(%x+)"), before and string.find(before, "[^0]") and before
end

local function process_id()
  return string.match(redis.call("INFO", "server"), "run_id:(%x+)")
end

-- A copy may lack what was written last: one that has less than is remembered does; one that was promoted might, and so
-- might one that another run of the server wrote, if nobody who asks remembers that run (a backup that was restored). It
-- is dropped, so that to everybody the state counts as lost. Who wrote it and was a copy only for a while lacks nothing.
-- Answers whether it was dropped.
local function drop_copy(key, epoch, steps)
  local is = redis.call("HMGET", key, "epoch", "steps", "server", "process")
  if not is[1] then
    return false
  end
  local id, before = server_ids()
  local is_behind = tonumber(is[1]) < epoch or (tonumber(is[1]) == epoch and tonumber(is[2]) < steps)
  local may_lack = epoch == 0 or (before and is[3] ~= id)
  if is_behind or (may_lack and is[4] ~= process_id()) then
    redis.call("DEL", key)
    return true
  end
  return false
end

-- "not_ready", "lost" (the same, and what was sent before may not be known here), or "held" and the stuck order that
-- holds the market; nil if nothing is in the way.
local function hindrance(key, held, epoch, steps, symbol)
  drop_copy(key, epoch, steps)
  local is = redis.call("HMGET", key, "ready", "lost_ms")
  if is[1] ~= "1" then
    return is[2] == "0" and "not_ready" or "lost", ""
  end
  local stuck = redis.call("HGETALL", held)
  for i = 1, #stuck, 2 do
    if stuck[i + 1] == symbol then
      return "held", stuck[i]
    end
  end
end

-- Count a step; what the asker is to remember: epoch and steps.
local function count_step(key)
  return tonumber(redis.call("HGET", key, "epoch")), redis.call("HINCRBY", key, "steps", 1)
end
