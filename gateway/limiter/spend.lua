-- Spend the units of up to `wanted` equal calls, on all rules of the call or on none.
--
-- KEYS  the epoch, then one state per rule
-- ARGV  wanted (0: only look), forced (1: take them even if they do not fit), hard timeout in µs,
--       then for each rule: limit, units the caller must leave, period in µs, units per call, ms to keep the state
-- Reply granted, number of the rule that binds (0: none),
--       then for each rule: units left, µs until all are back, flight slot,
--       then for each call not granted: µs until it could be, if every call in flight were answered now

local wanted, forced, hard = tonumber(ARGV[1]), ARGV[2] == '1', tonumber(ARGV[3])

local function create(key, period, blocked, ttl)
  redis.call('DEL', key)
  local state = {period = period, hard = hard, offset = 0, blocked = blocked, now = clock,
    flight = ring('f', period + hard, 0, 0, 0), back = ring('r', period, 0, 0, 0)}
  save(key, state)
  redis.call('PEXPIRE', key, text(ttl + math.max(0, (blocked - clock) / 1000)))
  return state
end

-- The state of a rule that has none. That is the ordinary end of an idle one, unless the epoch is gone too: then all
-- states were lost, and the rule stays closed until whatever was in use at that time has come back.
local function create_after_epoch(key, period, ttl)
  local epoch = tonumber(redis.call('GET', KEYS[1]))
  if not epoch then
    epoch = clock
    redis.call('SET', KEYS[1], text(epoch))
  end
  return create(key, period, math.min(epoch, clock) + period + hard, ttl)
end

-- waits[k] becomes the time until k more calls fit this rule, if that is later than it is already.
local function forecast(key, rule, calls, waits)
  local state, flight, back = rule.state, rule.state.flight, rule.state.back
  local closed = math.max(0, state.blocked - state.now)
  local horizon = math.ceil((state.now + state.period) / back.width) * back.width - state.now
  local free, after, f, r, k = rule.free, 0, flight.head, back.head, 1
  while k <= calls do
    if free >= k * rule.units or after >= horizon then
      waits[k] = math.max(waits[k] or 0, after, closed)
      k = k + 1
    else
      local next_f = f < flight.last and (f + 1) * flight.width - state.now or horizon
      local next_r = r < back.last and (r + 1) * back.width - state.now or horizon
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
        free = free + (tonumber(redis.call('HGET', key, field)) or 0)
      end
    end
  end
end

local rules, granted, can_ever = {}, wanted, wanted
for i = 2, #KEYS do
  local at = 4 + 5 * (i - 2)
  local rule = {limit = tonumber(ARGV[at]), units = tonumber(ARGV[at + 3]), ttl = tonumber(ARGV[at + 4])}
  local period, usable = tonumber(ARGV[at + 2]), rule.limit - ARGV[at + 1]
  local state = load(KEYS[i])
  if state and (state.period ~= period or state.hard ~= hard) then
    -- Another configuration: its slots mean other times, so wait until all of them are over.
    local over = math.max(state.period, period) + math.max(state.hard, hard)
    state = create(KEYS[i], period, math.max(state.blocked, clock + over), rule.ttl)
  end
  state = state or create_after_epoch(KEYS[i], period, rule.ttl)
  sweep(KEYS[i], state, state.flight)
  sweep(KEYS[i], state, state.back)
  rule.state = state
  rule.free = usable - state.flight.held - state.back.held
  granted = math.min(granted, state.now < state.blocked and 0 or math.floor(rule.free / rule.units))
  can_ever = math.min(can_ever, math.floor(usable / rule.units))
  rules[i] = rule
end
granted = forced and wanted or math.max(0, granted)

local reply = {granted, 0}
for i = 2, #KEYS do
  local rule, state = rules[i], rules[i].state
  local slot = 0
  if granted > 0 then
    local seen = state.flight.last
    slot = put(KEYS[i], state, state.flight, granted * rule.units)
    rule.free = rule.free - granted * rule.units
    if slot > seen then
      redis.call('PEXPIRE', KEYS[i], rule.ttl)
    end
  end
  if state.changed then
    save(KEYS[i], state)
  end
  local back_in = 0
  if state.flight.held > 0 then
    back_in = state.period
  elseif state.back.held > 0 then
    back_in = state.back.last * state.back.width - state.now
  end
  reply[#reply + 1] = math.max(0, rule.limit - state.flight.held - state.back.held)
  reply[#reply + 1] = math.max(back_in, state.blocked - state.now, 0)
  reply[#reply + 1] = slot
end

local calls = math.min(wanted, can_ever) - granted
if calls > 0 then
  local waits, longest = {}, -1
  for i = 2, #KEYS do
    forecast(KEYS[i], rules[i], calls, waits)
    if waits[1] > longest then
      longest, reply[2] = waits[1], i - 1
    end
  end
  for k = 1, calls do
    reply[#reply + 1] = waits[k]
  end
end
return reply
