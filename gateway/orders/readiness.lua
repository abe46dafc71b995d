-- Whether orders of an account may leave: shared by the scripts that let them.
--
-- The account's hash has `epoch` (when this state of the store began, µs), `steps` (how often an order was let go on
-- since), `server` and `process` (the replication id and the run of the server that wrote it) and `ready` (1: the venue
-- was looked at since). Whoever asks brings the epoch and the steps it remembers.

-- What `INFO` says under a name, of 40 hexadecimal digits; found by plain text, since this is on every order's way.
local function id_in(info, name)
  local _, last = string.find(info, name .. ":", 1, true)
  return last and string.sub(info, last + 1, last + 40)
end

-- The replication id of this server, and that of the one it was a copy of before it was promoted, if it was.
local function server_ids()
  local info = redis.call("INFO", "replication")
  local before = id_in(info, "master_replid2")
  return id_in(info, "master_replid"), before and string.find(before, "[^0]") and before
end

local function process_id()
  return id_in(redis.call("INFO", "server"), "run_id")
end

-- A copy may lack what was written last: one that has less than is remembered does; one that was promoted might, and so
-- might one that another run of the server wrote, if nobody who asks remembers that run (a backup that was restored). It
-- is dropped, so that to everybody the state counts as lost. Who wrote it and was a copy only for a while lacks nothing.
-- `is` holds `epoch`, `steps`, `server` and `process` of the hash. Answers whether it was dropped.
local function drop_copy(key, is, epoch, steps)
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

-- What this run of the script has found: one account is all that a script is about.
local found_epoch, found_state

-- "not_ready", "lost" (the same, and what was sent before may not be known here), or "held" and the stuck order that
-- holds the market; nil if nothing is in the way.
local function hindrance(key, held, epoch, steps, symbol)
  if not found_state then
    local is = redis.call("HMGET", key, "epoch", "steps", "server", "process", "ready", "lost_ms")
    if drop_copy(key, is, epoch, steps) or not is[1] then
      found_state = "lost"
    elseif is[5] == "1" then
      found_epoch, found_state = tonumber(is[1]), "ready"
    else
      found_state = is[6] == "0" and "not_ready" or "lost"
    end
  end
  if found_state ~= "ready" then
    return found_state, ""
  end
  local stuck = redis.call("HGETALL", held)
  for i = 1, #stuck, 2 do
    if stuck[i + 1] == symbol then
      return "held", stuck[i]
    end
  end
end

-- Count a step, after it was found that nothing hinders it; what the asker is to remember: epoch and steps.
local function count_step(key)
  return found_epoch, redis.call("HINCRBY", key, "steps", 1)
end
