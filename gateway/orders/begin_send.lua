-- Fix the send time of claimed orders that leave together, once. Safe to run twice: the same nonce gets the same time
-- again.
--
-- `begin_send(keys, args)`
-- keys  1 pending · 2 halts · then each order's hash
-- args  1 venue clock minus Redis clock, ms · 2 window ms · 3 lease ms · 4 how many fields of halts an order has
--       · then per order: nonce, order id, valid_until ms, "1" if it is reduce-only, the fields of the halts that would
--       concern it
-- Answer  per order {"send" | "gone" | "expired", send ms in the venue's time, version} | {"halted", the halt, version}

-- Where an order's arguments begin.
local function of_order(args, i)
  return 5 + (i - 1) * (4 + tonumber(args[4]))
end

-- The answer for an order, where it stands already: sent before, or not to be sent. Else nil and the version; whatever
-- may forbid the order to leave is judged here, before anything is spent for it.
local function standing(keys, args, i)
  local at = of_order(args, i)
  local state = redis.call("HMGET", keys[2 + i], "state", "nonce", "send_ms", "version")
  if state[2] ~= args[at] then
    return { "gone", 0, 0 }
  end
  local version = tonumber(state[4])
  -- Asked even where the send time is fixed already: whoever asks has not sent yet.
  local halt = halted(keys[2], args, at + 4, of_order(args, i + 1) - 1, args[at + 3] == "1")
  if halt then
    return { "halted", halt, version }
  end
  if state[1] == "sent" then
    return { "send", tonumber(state[3]), version }
  end
  if state[1] ~= "claimed" then
    return { "gone", 0, 0 }
  end
  if now_ms >= tonumber(args[at + 2]) then
    return { "expired", 0, version }
  end
  return nil, version
end

local function fix_send_time(keys, args, i, version)
  local send_ms = now_ms + tonumber(args[1])
  local lease_ms = now_ms + tonumber(args[3])
  redis.call("HSET", keys[2 + i], "state", "sent", "send_ms", send_ms, "window_ms", args[2], "version", version + 1,
    "updated_ms", now_ms, "lease_until_ms", lease_ms)
  redis.call("ZADD", keys[1], lease_ms, args[of_order(args, i) + 1])
  return { "send", send_ms, version + 1 }
end

local function begin_send(keys, args)
  local answers = {}
  for i = 1, #keys - 2 do
    local answer, version = standing(keys, args, i)
    answers[i] = answer or fix_send_time(keys, args, i, version)
  end
  return answers
end
