-- Shared by the scripts that let an order go: the halt that forbids it, if one does.

-- `first` is where in `args` the fields of the halts begin that would concern the order. A halt is kept as its mode, when
-- it ends by Redis' clock (ms, 0 for never), and the rest.
local function halted(key, args, first, is_reduce_only, now_ms)
  if #args < first then
    return nil
  end
  for _, halt in ipairs(redis.call("HMGET", key, unpack(args, first))) do
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
