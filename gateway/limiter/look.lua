-- Look at rules and change nothing.
--
-- KEYS  the epoch, then one state per rule
-- Reply for each rule: units in use, µs it is still closed (-1: its state was lost), how many times units come back,
--       then for each of these, soonest first: µs from now if calls in flight were answered now, units

local reply = {}
for i = 2, #KEYS do
  local state = load(KEYS[i])
  if not state then
    reply[#reply + 1] = 0
    reply[#reply + 1] = redis.call('EXISTS', KEYS[1]) == 1 and 0 or -1
    reply[#reply + 1] = 0
  else
    local returns, held = {}, 0
    for _, of in ipairs({state.flight, state.back}) do
      local first = math.max(of.head, math.floor(state.now / of.width)) + 1
      for slot = first, of.last do
        local units = tonumber(redis.call('HGET', KEYS[i], of.tag .. text(slot)) or 0)
        if units > 0 then
          held = held + units
          returns[#returns + 1] = {math.min(slot * of.width - state.now, state.period), units}
        end
      end
    end
    table.sort(returns, function(a, b) return a[1] < b[1] end)
    reply[#reply + 1] = held
    reply[#reply + 1] = math.max(0, state.blocked - state.now)
    reply[#reply + 1] = #returns
    for _, one in ipairs(returns) do
      reply[#reply + 1] = one[1]
      reply[#reply + 1] = one[2]
    end
  end
end
return reply
