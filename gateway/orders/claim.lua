-- Claim a client's order id, before anything is sent. Safe to run twice: the same nonce finds its own claim.
--
-- A reservation holds the id of an order that has a record; anything else it holds (an order that has ended, one that
-- was only seen at the venue) stands for an order that was placed, and the caller knows how to read it. So the
-- reservations of all candidates are read, even if the order is only to be claimed under the first.
--
-- `claim(keys, args)`
-- keys  1 index of the client_order_id · 2 pending · 3 recent orders · 4 readiness · 5 held · then, for each candidate
--       of the venue's client id, its reservation and the order's hash
-- args  1 nonce · 2 content hash · 3 lease ms · 4 valid_until ms · 5 result · 6 keep finished ms
--       · 7 epoch and 8 steps that the asker remembers · 9 symbol · then per candidate: order id, intent (empty: not
--       under this one)
-- Answer  {"claimed", order id, epoch, steps}, {"taken", what the reservation holds, which candidate},
--         {"held", the stuck order's id} or {"exists" | "conflict" | "expired" | "full" | "not_ready" | "lost", order id}

local function claim(keys, args)
  local known = redis.call("HMGET", keys[1], "order_id", "content", "nonce")
  if known[1] then
    if known[2] ~= args[2] then
      return { "conflict", known[1] }
    end
    if known[3] ~= args[1] then
      return { "exists", known[1] }
    end
    return { "claimed", known[1], 0, 0 }
  end
  local last = (#keys - 5) / 2 - 1
  for i = 0, last do
    local kept = redis.call("GET", keys[6 + 2 * i])
    if kept and not string.find(kept, "^[%w_-]") then
      return { "taken", kept, i }
    end
  end
  if now_ms >= tonumber(args[4]) then
    return { "expired", "" }
  end
  local why, by = hindrance(keys[4], keys[5], tonumber(args[7]), tonumber(args[8]), args[9])
  if why then
    return { why, by }
  end
  for i = 0, last do
    local reservation, order = keys[6 + 2 * i], keys[7 + 2 * i]
    local order_id, intent = args[10 + 2 * i], args[11 + 2 * i]
    if intent ~= "" and redis.call("SETNX", reservation, order_id) == 1 then
      local lease_ms = now_ms + tonumber(args[3])
      redis.call("HSET", keys[1], "order_id", order_id, "content", args[2], "nonce", args[1])
      redis.call("HSET", order, "state", "claimed", "version", 1, "nonce", args[1], "intent", intent,
        "result", args[5], "created_ms", now_ms, "updated_ms", now_ms, "lease_until_ms", lease_ms)
      redis.call("ZADD", keys[2], lease_ms, order_id)
      redis.call("ZADD", keys[3], now_ms, order_id)
      redis.call("ZREMRANGEBYSCORE", keys[3], "-inf", now_ms - tonumber(args[6]))
      return { "claimed", order_id, count_step(keys[4]) }
    end
  end
  return { "full", "" }
end
