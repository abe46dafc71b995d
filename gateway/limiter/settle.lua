-- End grants: units of answered calls return one period from now, units of calls never made return at once.
--
-- Sent once and never repeated: a second run would free the units of another grant. Losing it is safe.
-- KEYS  one state per rule
-- ARGV  for each rule what the answers' headers say of it: limit (0: nothing), units used, window, µs until it ends,
--       units of the answers that said so;
--       then for each batch of equal grants: calls answered, calls never made, then per rule: flight slot, units per call

local WARY_PERIODS, SLACK = 3, 1500000

-- Units that come back in slot `first` or later.
local function held_from(key, of, first)
  local units = 0
  for slot = math.max(first, of.head + 1), of.last do
    units = units + (tonumber(redis.call('HGET', key, of.tag .. text(slot))) or 0)
  end
  return units
end

for i = 1, #KEYS do
  local key = KEYS[i]
  local state = load(key)
  if state then
    sweep(key, state, state.back)
    local at, told, all_answered = 5 * #KEYS + 1, 5 * i - 4, 0
    while at < #ARGV do
      local field, units = 'f' .. ARGV[at + 2 * i], tonumber(ARGV[at + 2 * i + 1])
      -- A slot that is gone was swept: the hard timeout passed and the units are back already.
      local held = tonumber(redis.call('HGET', key, field)) or 0
      local answered = math.min(held, ARGV[at] * units)
      local unmade = math.min(held - answered, ARGV[at + 1] * units)
      all_answered = all_answered + ARGV[at] * units
      if answered + unmade > 0 then
        if answered + unmade == held then
          redis.call('HDEL', key, field)
        else
          redis.call('HINCRBY', key, field, -answered - unmade)
        end
        state.flight.held = state.flight.held - answered - unmade
        state.changed = true
        if state.probe > 0 then
          state.probe = answered > 0 and 0 or -1
        end
        if answered > 0 then
          put(key, state, state.back, answered)
        end
      end
      at = at + 2 + 2 * #KEYS
    end
    if state.changed then
      save(key, state)
    end
    local limit = tonumber(ARGV[told])
    if limit > 0 or state.view then
      local view = state.view or {limit = 0, used = 0, ours = 0, foreign = 0, window = 0, ends = 0, wary = 0}
      local window, sighted = tonumber(ARGV[told + 2]), tonumber(ARGV[told + 4])
      if limit > 0 and (not state.view or window > view.window) then
        local ours = held_from(key, state.back, math.floor((state.now + ARGV[told + 3] - SLACK) / state.back.width))
        view.used, view.ours, view.foreign = 0, ours - sighted, 0
        view.window, view.ends = window, state.now + ARGV[told + 3]
      end
      if limit > 0 and window == view.window then
        view.limit, view.ours = limit, view.ours + sighted
        view.used = math.max(view.used, tonumber(ARGV[told + 1]))
      end
      if state.now < view.ends then
        view.ours = view.ours + all_answered - sighted
        view.used = view.used + all_answered - sighted
        local foreign = view.used - view.ours - state.flight.held
        if foreign > 0 then
          view.foreign = math.max(view.foreign, foreign)
          view.wary = state.now + WARY_PERIODS * state.period
        end
      end
      save_view(key, view)
    end
  end
end
return 0
