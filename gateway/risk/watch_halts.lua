-- Tell a replica of the halts that it does not go by yet, and note which it goes by and that it lives. Safe to run twice.
--
-- KEYS  1 halts · 2 generation · 3 replicas · 4 generations seen
-- ARGV  1 replica · 2 the generation it goes by · 3 how long a replica counts, ms
-- Answer  {generation, "" if there is none; all halts, if it is another one than the replica's}

local t = redis.call("TIME")
local now_ms, alive_ms = t[1] * 1000 + math.floor(t[2] / 1000), tonumber(ARGV[3])
local generation = redis.call("GET", KEYS[2]) or ""

-- Written only now and then, since every write of a durable Redis is a write to its disk.
local heard_ms = redis.call("ZSCORE", KEYS[3], ARGV[1])
local is_due = not heard_ms or now_ms - tonumber(heard_ms) >= alive_ms / 4
if is_due or redis.call("HGET", KEYS[4], ARGV[1]) ~= ARGV[2] then
  for _, dead in ipairs(redis.call("ZRANGEBYSCORE", KEYS[3], "-inf", now_ms - alive_ms)) do
    redis.call("ZREM", KEYS[3], dead)
    redis.call("HDEL", KEYS[4], dead)
  end
  redis.call("ZADD", KEYS[3], now_ms, ARGV[1])
  redis.call("HSET", KEYS[4], ARGV[1], ARGV[2])
  redis.call("PEXPIRE", KEYS[3], alive_ms)
  redis.call("PEXPIRE", KEYS[4], alive_ms)
end
if generation == ARGV[2] then
  return { generation, {} }
end
return { generation, redis.call("HGETALL", KEYS[1]) }
