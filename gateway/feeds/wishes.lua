-- KEYS: wishes
-- Returns every wish that has not expired; forgets the others.
local now = redis.call('TIME')
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%d', now[1] * 1000 + math.floor(now[2] / 1000)))
return redis.call('ZRANGE', KEYS[1], 0, -1)
