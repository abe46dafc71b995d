-- Shared by the scripts that count: what traded at a level on this UTC day, in units.

local function traded_on(key, day)
  local is = redis.call("HMGET", key, "day", "units")
  return is[1] == tostring(day) and tonumber(is[2]) or 0
end

local function held(key)
  return tonumber(redis.call("HGET", key, "sum") or "0")
end
