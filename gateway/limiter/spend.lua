-- Spend the units of some of the calls wanted, most urgent first, on all rules of the calls or on none: `spend.py` in Lua.
--
-- `spend(keys, args)`
-- keys  the epoch, then one state per rule
-- args  forced (1: take them even if they do not fit), hard timeout in µs, who asks,
--       then for each of four ranks, most urgent first: calls (all 0: only look), calls waiting, weight,
--       then for each rule: limit, units only the first rank may use, period in µs, units per call, ms to keep the state,
--       how many times units were taken, as far as the asker knows
-- Reply granted, number of the rule that binds (0: none), µs until to ask again,
--       then for each rule: units left, µs until all are back, flight slot, units others spent, takings,
--       then for each call not granted: µs until it could be, if every call in flight were answered now

local PROBE_POLL = 50000
local hard, rules

local function create(key, period, blocked, ttl, takings)
  redis.call('DEL', key)
  local state = {period = period, hard = hard, offset = 0, blocked = blocked, probe = 0, takings = takings, now = clock,
    flight = ring('f', period + hard, 0, 0, 0), back = ring('r', period, 0, 0, 0)}
  save(key, state)
  redis.call('PEXPIRE', key, text(ttl + math.max(0, (blocked - clock) / 1000)))
  return state
end

-- The state of a rule that has none. That is the ordinary end of an idle one, unless the epoch is gone too: then all
-- states were lost, and the rule stays closed until whatever was in use at that time has come back.
local function create_after_epoch(epoch_key, key, period, ttl)
  local epoch = tonumber(redis.call('GET', epoch_key))
  if not epoch then
    epoch = clock
    redis.call('SET', epoch_key, text(epoch))
  end
  return create(key, period, math.min(epoch, clock) + period + hard, ttl, 0)
end

-- How long calls beyond the number that may go (nil: any) have to wait at least.
local function closed(state)
  if state.now < state.blocked then
    return state.blocked - state.now, 0
  elseif state.probe == 0 then
    return 0, nil
  end
  return PROBE_POLL, state.probe > state.now and 0 or 1
end

-- Units the venue would still take; nil while our own sums suffice.
local function left_by_venue(state)
  local view = state.view
  if view and state.now < view.ends and state.now < view.wary then
    return view.limit - view.used - state.flight.held
  end
end

local function usable(rule, rank)
  return rank == 1 and rule.limit or rule.limit - rule.reserve
end

local function need(rule, call)
  return call * rule.units + before(rule.seen, call, rule.units)
end

local function is_above_venue(rule, rank, needed)
  return rule.venue_left and needed > rule.venue_left - (rank == 1 and 0 or rule.reserve)
end

local function fit(call)
  local rank = rank_of(call)
  for _, rule in ipairs(rules) do
    local needed = need(rule, call)
    if rule.calls_max and call > rule.calls_max or needed > usable(rule, rank) - rule.held
        or is_above_venue(rule, rank, needed) then
      return false
    end
  end
  return true
end

local function can_ever(call)
  local rank = rank_of(call)
  for _, rule in ipairs(rules) do
    if call * rule.units > usable(rule, rank) then
      return false
    end
  end
  return true
end

-- Of the calls in (low, high], for which `holds` is true up to some call and false from there: the last true one.
local function last_that(holds, low, high)
  while low < high do
    local middle = math.ceil((low + high) / 2)
    if holds(middle) then
      low = middle
    else
      high = middle - 1
    end
  end
  return low
end

-- For calls `first` to `last`, the time until `needed(call)` units are free.
local function forecast(rule, first, last, needed)
  local state, waits = rule.state, {}
  local flight, back, now = state.flight, state.back, state.now
  local horizon = math.ceil((now + state.period) / back.width) * back.width - now
  local returned, after, f, r = 0, 0, flight.head, back.head
  for call = first, last do
    local rank, wants = rank_of(call), needed(rule, call)
    local free = usable(rule, rank) - rule.held
    while free + returned < wants and after < horizon do
      local next_f = f < flight.last and (f + 1) * flight.width - now or horizon
      local next_r = r < back.last and (r + 1) * back.width - now or horizon
      after = math.min(next_f, next_r, horizon)
      if after < horizon then
        local field
        if next_r <= next_f then
          r = r + 1
          field = 'r' .. text(r)
        else
          f = f + 1
          field = 'f' .. text(f)
        end
        returned = returned + (tonumber(redis.call('HGET', rule.key, field)) or 0)
      end
    end
    local by_venue = is_above_venue(rule, rank, wants) and state.view.ends - now or 0
    waits[#waits + 1] = math.max(after, rule.closed, by_venue)
  end
  return waits
end

-- One rule as it stands, from the arguments that begin at `at`.
local function read_rule(epoch_key, key, args, at)
  local period, ttl = tonumber(args[at + 2]), tonumber(args[at + 4])
  local state, known = load(key), tonumber(args[at + 5])
  if known > (state and state.takings or 0) then
    -- An old copy: what was taken since is not in it, so wait until all of that is back.
    local until_back = clock + period + hard
    state = create(key, period, math.max(state and state.blocked or 0, until_back), ttl, known)
  elseif state and (state.period ~= period or state.hard ~= hard) then
    -- Another configuration: its slots mean other times, so wait until all of them are over.
    local over = math.max(state.period, period) + math.max(state.hard, hard)
    state = create(key, period, math.max(state.blocked, clock + over), ttl, state.takings)
  end
  state = state or create_after_epoch(epoch_key, key, period, ttl)
  sweep(key, state, state.flight)
  sweep(key, state, state.back)
  local rule = {key = key, state = state, limit = tonumber(args[at]), reserve = tonumber(args[at + 1]),
    units = tonumber(args[at + 3]), ttl = ttl, held = state.flight.held + state.back.held,
    seen = read_claims(state), venue_left = left_by_venue(state)}
  rule.closed, rule.calls_max = closed(state)
  return rule
end

-- Take the units of so many calls of a rule, and enter into the reply how the rule then stands.
local function take(rule, granted, reply)
  local state, units = rule.state, granted * rule.units
  local slot = 0
  if granted > 0 then
    local seen = state.flight.last
    slot = put(rule.key, state, state.flight, units)
    state.takings = state.takings + 1
    if state.probe ~= 0 then
      state.probe = state.now + state.period + state.hard
    end
    if slot > seen then
      redis.call('PEXPIRE', rule.key, rule.ttl)
    end
  end
  if state.changed then
    save(rule.key, state)
  end
  local back_in = 0
  if state.flight.held > 0 then
    back_in = state.period
  elseif state.back.held > 0 then
    back_in = state.back.last * state.back.width - state.now
  end
  local left = rule.limit - state.flight.held - state.back.held
  if rule.venue_left then
    left = math.min(left, rule.venue_left - units)
  end
  reply[#reply + 1] = math.max(0, left)
  reply[#reply + 1] = math.max(back_in, state.blocked - state.now, 0)
  reply[#reply + 1] = slot
  reply[#reply + 1] = state.view and state.now < state.view.ends and state.view.foreign or 0
  reply[#reply + 1] = state.takings
end

-- Further calls of a rank that would fit if nobody else waited.
local function room(rule, rank, first)
  if rule.calls_max then
    return math.max(0, rule.calls_max - first)
  end
  return math.max(0, math.floor((usable(rule, rank) - rule.held) / rule.units) - first)
end

local function only_own(rule, call)
  return call * rule.units
end

-- Enter into the reply when the calls that were not granted could be, and into the rules what is claimed for them.
local function enter_waits(granted, total, reply)
  local last, again = granted, 0
  if granted < total then
    last = last_that(can_ever, granted, total)
  end
  if last > granted then
    local waits, longest, alone, part = {}, -1, 0, 0
    for i, rule in ipairs(rules) do
      local of_rule = forecast(rule, granted + 1, last, need)
      if of_rule[1] > longest then
        longest, reply[2], part = of_rule[1], i, math.floor(rule.state.period / AGAIN_PARTS)
      end
      local own = #rule.seen.others == 0 and of_rule or forecast(rule, granted + 1, granted + 1, only_own)
      alone = math.max(alone, own[1])
      for k, wait in ipairs(of_rule) do
        waits[k] = math.max(waits[k] or 0, wait)
      end
    end
    again = math.min(longest, math.max(alone, part))
    reply[3] = again
    for _, wait in ipairs(waits) do
      reply[#reply + 1] = wait
    end
  end
  for i, rule in ipairs(rules) do
    enter_claims(rule.key, rule.state, rule.seen, granted, rule.units, again, function(rank)
      local calls = wanted.waiting[rank]
      for k, other in ipairs(rules) do
        if k ~= i then
          calls = math.min(calls, room(other, rank, granted))
        end
      end
      return calls
    end)
  end
end

local function spend(keys, args)
  want(args)
  hard, rules = tonumber(args[2]), {}
  for i = 2, #keys do
    rules[#rules + 1] = read_rule(keys[1], keys[i], args, 16 + 6 * (i - 2))
  end
  local forced, total = args[1] == '1', wanted.total
  local granted = forced and total or last_that(fit, 0, total)
  local reply = {granted, 0, 0}
  for _, rule in ipairs(rules) do
    take(rule, granted, reply)
  end
  if not forced and total > 0 then
    enter_waits(granted, total, reply)
  end
  return reply
end
