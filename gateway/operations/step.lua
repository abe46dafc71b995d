-- Take an operation to its next state, if it is still the same claim and nobody was faster. Safe to run twice: the same
-- step is answered alike, and a send time is fixed once.
--
-- KEYS  1 the operation · 2 pending · 3 venue's ids that belong to an operation · 4 the account's journal · 5 memory
-- ARGV  1 nonce · 2 expected version · 3 state · 4 result · 5 the operation's name among the pending · 6 owner
--       · 7 when to look at it ms from now, -1 not by itself · 8 keep ms · 9 about how many entries the journal keeps
--       · 10 venue's id of it, or nothing · 11 "" or, if only one operation may have that id, "alone"
--       · 12 the step as the journal keeps it
--       · for "sent": 13 valid_until ms · 14 venue clock minus Redis clock, ms · 15 window ms
-- Answer  {"written" | "faster" | "expired" | "taken", version, send ms or 0, sends or 0, when it was written ms}

local t = redis.call("TIME")
local now_ms = t[1] * 1000 + math.floor(t[2] / 1000)

local is = redis.call("HMGET", KEYS[1], "nonce", "version", "state", "send_ms", "updated_ms")
if is[1] ~= ARGV[1] then
  return { "faster", 0, 0, 0, 0 }
end
local version, state = tonumber(ARGV[2]) + 1, ARGV[3]
if is[2] ~= ARGV[2] then
  local again = tonumber(is[2]) == version and is[3] == state
  return { again and "written" or "faster", tonumber(is[2]), tonumber(is[4] or 0), 0, tonumber(is[5]) }
end
if state == "not_sent" then
  redis.call("DEL", KEYS[1])
  redis.call("ZREM", KEYS[2], ARGV[5])
  return { "written", version, 0, 0, now_ms }
end
local sends = 0
if state == "sent" then
  if now_ms >= tonumber(ARGV[13]) then
    return { "expired", version - 1, 0, 0, 0 }
  end
  redis.call("HSET", KEYS[1], "send_ms", now_ms + tonumber(ARGV[14]), "window_ms", ARGV[15],
    "lease_until_ms", now_ms + tonumber(ARGV[7]))
  sends = redis.call("HINCRBY", KEYS[5], "sends", 1)
end
if ARGV[10] ~= "" then
  local is_new = redis.call("ZADD", KEYS[3], "NX", now_ms, ARGV[10])
  if is_new == 0 and ARGV[11] == "alone" then
    return { "taken", version - 1, 0, 0, 0 }
  end
  -- Longer than records: a venue's list that is read as far back as those reach must show none that is unknown here.
  redis.call("ZREMRANGEBYSCORE", KEYS[3], "-inf", now_ms - 2 * tonumber(ARGV[8]))
end
redis.call("HSET", KEYS[1], "state", state, "result", ARGV[4], "version", version, "updated_ms", now_ms)
if tonumber(ARGV[7]) >= 0 then
  redis.call("ZADD", KEYS[2], now_ms + tonumber(ARGV[7]), ARGV[5])
else
  redis.call("ZREM", KEYS[2], ARGV[5])
  redis.call("PEXPIRE", KEYS[1], ARGV[8])
end
redis.call("XADD", KEYS[4], "MAXLEN", "~", ARGV[9], "*", "kind", "operation", "owner", ARGV[6], "data", ARGV[12])
return { "written", version, tonumber(redis.call("HGET", KEYS[1], "send_ms") or 0), sends, now_ms }
