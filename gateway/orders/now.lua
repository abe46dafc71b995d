-- What the scripts of orders share: this moment, by Redis' clock.

local t = redis.call("TIME")
local now_ms = t[1] * 1000 + math.floor(t[2] / 1000)
