-- What the limiter's scripts share: the state of one rule. `state.py` is the same in Python, and the place to read first.
--
-- One hash per rule and owner, absent while nothing is in use:
--   s          thirteen numbers, packed because one field costs a third of thirteen:
--              period, hard timeout; last Redis time seen, what to add to it; closed until; probe; times units were taken;
--              in flight: units, last slot swept, last slot used; the same for units on their way back
--   f<n> r<n>  units in flight or on their way back, free again when slot n is reached: at n * width, so never early
--   q          claims, if any: six numbers each (`claims.py`)
--   v          the venue's own view, if it tells: seven numbers (`venue_view.py`)
--
-- Times are integers in µs below 2^53. Lua writes large numbers as 1.8e+15, so `text` writes those that must be exact.
-- Time that went backwards counts as time that stood still: the state keeps what to add to Redis' time.

local SLOTS = 128
local LAYOUT = '<ddddddddddddd'
local VIEW_LAYOUT = '<ddddddd'
local seconds_and_micros = redis.call('TIME')
local clock = seconds_and_micros[1] * 1000000 + seconds_and_micros[2]

local function text(number)
  return string.format('%.0f', number)
end

local function ring(tag, span, held, head, last)
  return {tag = tag, span = span, width = math.ceil(span / SLOTS), held = held, head = head, last = last}
end

local function save(key, s)
  redis.call('HSET', key, 's', struct.pack(LAYOUT, s.period, s.hard, clock, s.offset, s.blocked, s.probe, s.takings,
    s.flight.held, s.flight.head, s.flight.last, s.back.held, s.back.head, s.back.last))
end

local function save_view(key, v)
  redis.call('HSET', key, 'v',
    struct.pack(VIEW_LAYOUT, v.limit, v.used, v.ours, v.foreign, v.window, v.ends, v.wary))
end

-- The rule's state at this moment; nil if there is none. Whoever sets `changed` saves it.
local function load(key)
  local packed = redis.call('HMGET', key, 's', 'q', 'v')
  if not packed[1] then
    return nil
  end
  local period, hard, seen, offset, blocked, probe, takings, fu, fh, fl, ru, rh, rl = struct.unpack(LAYOUT, packed[1])
  if clock < seen then
    offset = offset + seen - clock
  end
  local view
  if packed[3] then
    local limit, used, ours, foreign, window, ends, wary = struct.unpack(VIEW_LAYOUT, packed[3])
    view = {limit = limit, used = used, ours = ours, foreign = foreign, window = window, ends = ends, wary = wary}
  end
  return {
    period = period, hard = hard, offset = offset, blocked = blocked, probe = probe, takings = takings,
    now = clock + offset, changed = clock < seen, claims = packed[2], view = view,
    flight = ring('f', period + hard, fu, fh, fl), back = ring('r', period, ru, rh, rl)
  }
end

-- Take out what is due. Visits each slot once in its life, however many calls come.
local function sweep(key, s, of)
  local stop = math.min(math.floor(s.now / of.width), of.last)
  if of.head >= stop then
    return
  end
  local gone = {}
  for slot = of.head + 1, stop do
    local field = of.tag .. text(slot)
    local units = redis.call('HGET', key, field)
    if units then
      of.held = of.held - units
      gone[#gone + 1] = field
    end
  end
  if #gone > 0 then
    redis.call('HDEL', key, unpack(gone))
  end
  of.head, s.changed = stop, true
end

-- Put units where they come back one span from now; answers the slot.
local function put(key, s, of, units)
  local slot = math.ceil((s.now + of.span) / of.width)
  redis.call('HINCRBY', key, of.tag .. text(slot), units)
  of.held = of.held + units
  of.head = math.max(of.head, math.floor(s.now / of.width))
  of.last = math.max(of.last, slot)
  s.changed = true
  return slot
end
