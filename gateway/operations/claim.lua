-- Claim a client's operation id, before anything is sent. Safe to run twice: the same nonce finds its own claim.
--
-- KEYS  1 the operation · 2 pending · 3 memory
-- ARGV  1 nonce · 2 content hash · 3 lease ms · 4 intent · 5 result · 6 the operation's name among the pending
--       · 7 sends that the asker has seen
-- Answer  {"claimed" | "exists" | "conflict", for how long operations have been remembered ms, sends, when it was claimed ms}

local t = redis.call("TIME")
local now_ms = t[1] * 1000 + math.floor(t[2] / 1000)

local since_ms, sends = complete_since(KEYS[3], tonumber(ARGV[7]), now_ms)
local known = redis.call("HMGET", KEYS[1], "content", "nonce", "created_ms")
if known[1] then
  if known[1] ~= ARGV[2] then
    return { "conflict", now_ms - since_ms, sends, 0 }
  end
  return { known[2] == ARGV[1] and "claimed" or "exists", now_ms - since_ms, sends, tonumber(known[3]) }
end
local lease_ms = now_ms + tonumber(ARGV[3])
redis.call("HSET", KEYS[1], "content", ARGV[2], "nonce", ARGV[1], "state", "claimed", "version", 1, "intent", ARGV[4],
  "result", ARGV[5], "created_ms", now_ms, "updated_ms", now_ms, "lease_until_ms", lease_ms)
redis.call("ZADD", KEYS[2], lease_ms, ARGV[6])
return { "claimed", now_ms - since_ms, sends, now_ms }
