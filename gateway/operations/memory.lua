-- Since when every operation that was let go is remembered: shared by the scripts that begin one or watch over them.
--
-- An account's hash has `since_ms` (when this state of the store began) and `sends` (how many operations were let go on
-- since). Whoever asks brings the sends it has seen: a store with fewer, or without a word, has lost some, and
-- remembers from now on only.

-- Answers since when, and the sends.
local function complete_since(key, seen, now_ms)
  local is = redis.call("HMGET", key, "since_ms", "sends")
  if is[1] and tonumber(is[2]) >= seen then
    return tonumber(is[1]), tonumber(is[2])
  end
  redis.call("HSET", key, "since_ms", now_ms, "sends", seen)
  return now_ms, seen
end
