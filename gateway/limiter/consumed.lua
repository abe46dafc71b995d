-- Add to what clients spent of one rule.
--
-- KEYS  a hash: client -> number of the newest part of time, then the units of the last eight, newest first
-- ARGV  length of a part in µs, ms to keep the hash, then client and units, in turn

local PARTS = 8
local LAYOUT = '<ddddddddd'
local time = redis.call('TIME')
local part = math.floor((time[1] * 1000000 + time[2]) / ARGV[1])

for at = 3, #ARGV, 2 do
  local packed = redis.call('HGET', KEYS[1], ARGV[at])
  local units, newest = {}, part
  for i = 1, PARTS do
    units[i] = 0
  end
  if packed then
    local old = {struct.unpack(LAYOUT, packed)}
    newest = math.max(part, old[1])
    for i = 1, PARTS do
      local place = i + newest - old[1]
      if place <= PARTS then
        units[place] = old[1 + i]
      end
    end
  end
  units[1] = units[1] + ARGV[at + 1]
  redis.call('HSET', KEYS[1], ARGV[at], struct.pack(LAYOUT, newest, unpack(units)))
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 0
