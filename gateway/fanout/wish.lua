-- KEYS: wishes   ARGV: ttl_ms, control channel, control message ('' for none), member, member, ...
-- Registers or refreshes wishes by Redis' own clock, and tells the owner.
local now = redis.call('TIME')
local expires = now[1] * 1000 + math.floor(now[2] / 1000) + ARGV[1]
for i = 4, #ARGV do
  redis.call('ZADD', KEYS[1], string.format('%d', expires), ARGV[i])
end
redis.call('PEXPIRE', KEYS[1], ARGV[1] * 2)
if ARGV[3] ~= '' then
  redis.call('PUBLISH', ARGV[2], ARGV[3])
end
return 1
