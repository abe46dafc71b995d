-- End grants: units of answered calls return one period from now, units of calls never made return at once.
--
-- Sent once and never repeated: a second run would free the units of another grant. Losing it is safe.
-- KEYS  one state per rule
-- ARGV  for each batch of equal grants: calls answered, calls never made, then for each rule: flight slot, units per call

for i = 1, #KEYS do
  local key = KEYS[i]
  local state = load(key)
  if state then
    sweep(key, state, state.back)
    local at = 1
    while at < #ARGV do
      local field, units = 'f' .. ARGV[at + 2 * i], tonumber(ARGV[at + 2 * i + 1])
      -- A slot that is gone was swept: the hard timeout passed and the units are back already.
      local held = tonumber(redis.call('HGET', key, field)) or 0
      local answered = math.min(held, ARGV[at] * units)
      local unmade = math.min(held - answered, ARGV[at + 1] * units)
      if answered + unmade > 0 then
        if answered + unmade == held then
          redis.call('HDEL', key, field)
        else
          redis.call('HINCRBY', key, field, -answered - unmade)
        end
        state.flight.held = state.flight.held - answered - unmade
        state.changed = true
        if answered > 0 then
          put(key, state, state.back, answered)
        end
      end
      at = at + 2 + 2 * #KEYS
    end
    if state.changed then
      save(key, state)
    end
  end
end
return 0
