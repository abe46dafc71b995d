-- The halt that forbids an order to go, if one does.
--
-- From `first` to `last` in `args` are the fields of the halts that would concern the order. A halt is kept as its mode,
-- when it ends by Redis' clock (ms, 0 for never), and the rest.

local function halted(key, args, first, last, is_reduce_only)
  if last < first then
    return nil
  end
  for _, halt in ipairs(redis.call("HMGET", key, unpack(args, first, last))) do
    if halt then
      local mode, until_ms = string.match(halt, "^(%S+) (%d+) ")
      local is_over = until_ms ~= "0" and now_ms >= tonumber(until_ms)
      if not is_over and not (mode == "reduce_only" and is_reduce_only) then
        return halt
      end
    end
  end
  return nil
end
