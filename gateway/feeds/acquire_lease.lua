-- KEYS: lease, epoch   ARGV: replica, duration_ms
-- Returns {1, epoch} when taken, {0, ms until it may be free} when somebody holds it.
local holder = redis.call('GET', KEYS[1])
if holder then
  return {0, math.max(redis.call('PTTL', KEYS[1]), 0)}
end
local stored = tonumber(redis.call('GET', KEYS[2]) or '0')
local epoch = math.max(stored + 1, tonumber(redis.call('TIME')[1]))
redis.call('SET', KEYS[2], string.format('%d', epoch))
redis.call('SET', KEYS[1], ARGV[1] .. '|' .. string.format('%d', epoch), 'PX', ARGV[2])
return {1, epoch}
