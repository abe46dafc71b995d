-- Fix the send time of a claimed order, once. Safe to run twice: the same nonce gets the same time again.
--
-- `begin_send(keys, args)`
-- keys  1 order hash · 2 pending · 3 readiness · 4 held
-- args  1 nonce · 2 order id · 3 valid_until ms · 4 venue clock minus Redis clock, ms · 5 window ms · 6 lease ms
--       · 7 epoch and 8 steps that the asker remembers · 9 symbol
-- Answer  {"send", send ms in the venue's time, version, epoch, steps}, {"held", 0, version, the stuck order's id} or
--         {"gone" | "expired" | "not_ready" | "lost", 0, version}

-- The answer, where it stands already: sent before, or not to be sent. Else nil and the version; whatever may forbid
-- the order to leave is judged here, before anything is spent for it.
local function standing(keys, args)
  local state = redis.call("HMGET", keys[1], "state", "nonce", "send_ms", "version")
  if state[2] ~= args[1] then
    return { "gone", 0, 0 }
  end
  local version = tonumber(state[4])
  if state[1] == "sent" then
    return { "send", tonumber(state[3]), version, 0, 0 }
  end
  if state[1] ~= "claimed" then
    return { "gone", 0, 0 }
  end
  if now_ms >= tonumber(args[3]) then
    return { "expired", 0, version }
  end
  local why, by = hindrance(keys[3], keys[4], tonumber(args[7]), tonumber(args[8]), args[9])
  if why then
    return { why, 0, version, by }
  end
  return nil, version
end

local function fix_send_time(keys, args, version)
  local send_ms = now_ms + tonumber(args[4])
  local lease_ms = now_ms + tonumber(args[6])
  redis.call("HSET", keys[1], "state", "sent", "send_ms", send_ms, "window_ms", args[5], "version", version + 1,
    "updated_ms", now_ms, "lease_until_ms", lease_ms)
  redis.call("ZADD", keys[2], lease_ms, args[2])
  return { "send", send_ms, version + 1, count_step(keys[3]) }
end

local function begin_send(keys, args)
  local answer, version = standing(keys, args)
  return answer or fix_send_time(keys, args, version)
end
