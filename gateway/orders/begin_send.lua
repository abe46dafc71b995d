-- Fix the send time of claimed orders, once: the same for all of them. Safe to run twice: the same nonce gets the same
-- time again.
--
-- KEYS  1 pending · then each order's hash
-- ARGV  1 venue clock minus Redis clock, ms · 2 window ms · 3 lease ms · then per order: nonce, order id,
--       valid_until ms
-- Answer  per order {"send" | "gone" | "expired", send ms in the venue's time, version}

local t = redis.call("TIME")
local now_ms = t[1] * 1000 + math.floor(t[2] / 1000)

local function begin_send(order, nonce, order_id, valid_until_ms)
  local state = redis.call("HMGET", order, "state", "nonce", "send_ms", "version")
  if state[2] ~= nonce then
    return { "gone", 0, 0 }
  end
  if state[1] == "sent" then
    return { "send", tonumber(state[3]), tonumber(state[4]) }
  end
  if state[1] ~= "claimed" then
    return { "gone", 0, 0 }
  end
  if now_ms >= valid_until_ms then
    return { "expired", 0, tonumber(state[4]) }
  end
  local send_ms = now_ms + tonumber(ARGV[1])
  local lease_ms = now_ms + tonumber(ARGV[3])
  local version = tonumber(state[4]) + 1
  redis.call("HSET", order, "state", "sent", "send_ms", send_ms, "window_ms", ARGV[2], "version", version,
    "updated_ms", now_ms, "lease_until_ms", lease_ms)
  redis.call("ZADD", KEYS[1], lease_ms, order_id)
  return { "send", send_ms, version }
end

local answers = {}
for i = 1, #KEYS - 1 do
  local at = 1 + 3 * i
  answers[i] = begin_send(KEYS[1 + i], ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2]))
end
return answers
