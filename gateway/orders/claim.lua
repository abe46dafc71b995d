-- Claim a client's order id, before anything is sent. Safe to run twice: the same nonce finds its own claim.
--
-- `claim(keys, args)`
-- keys  1 index of the client_order_id · 2 pending · 3 recent orders · then, for each candidate of the venue's client
--       id, its reservation and the order's hash
-- args  1 nonce · 2 content hash · 3 lease ms · 4 valid_until ms · 5 result · 6 keep finished ms
--       · then per candidate: order id, intent
-- Answer  {"claimed" | "exists" | "conflict" | "expired" | "full", order id}

local function claim(keys, args)
  local known = redis.call("HMGET", keys[1], "order_id", "content", "nonce")
  if known[1] then
    if known[2] ~= args[2] then
      return { "conflict", known[1] }
    end
    return { known[3] == args[1] and "claimed" or "exists", known[1] }
  end
  if now_ms >= tonumber(args[4]) then
    return { "expired", "" }
  end
  for i = 0, (#keys - 3) / 2 - 1 do
    local reservation, order = keys[4 + 2 * i], keys[5 + 2 * i]
    local order_id, intent = args[7 + 2 * i], args[8 + 2 * i]
    if redis.call("SETNX", reservation, order_id) == 1 then
      local lease_ms = now_ms + tonumber(args[3])
      redis.call("HSET", keys[1], "order_id", order_id, "content", args[2], "nonce", args[1])
      redis.call("HSET", order, "state", "claimed", "version", 1, "nonce", args[1], "intent", intent,
        "result", args[5], "created_ms", now_ms, "updated_ms", now_ms, "lease_until_ms", lease_ms)
      redis.call("ZADD", keys[2], lease_ms, order_id)
      redis.call("ZADD", keys[3], now_ms, order_id)
      redis.call("ZREMRANGEBYSCORE", keys[3], "-inf", now_ms - tonumber(args[6]))
      return { "claimed", order_id }
    end
  end
  return { "full", "" }
end
