-- Whose turn it is among all who wait for one rule: `claims.py` in Lua, and the place to read first.

local CLAIMS_MAX, GRACE, MEMORY, AGAIN_PARTS, RANKS = 64, 250000, 1000000, 4, 4

-- The calls that are asked for: `want` reads them.
local wanted

-- From arguments: who asks, then of each rank, most urgent first, the calls, those that wait, and their weight.
local function want(args)
  wanted = {asker = tonumber(args[3]), calls = {}, waiting = {}, weights = {}, total = 0, all = 0}
  for rank = 1, RANKS do
    wanted.calls[rank] = tonumber(args[1 + 3 * rank])
    wanted.waiting[rank] = tonumber(args[2 + 3 * rank])
    wanted.weights[rank] = tonumber(args[3 + 3 * rank])
    wanted.total = wanted.total + wanted.calls[rank]
    wanted.all = wanted.all + wanted.waiting[rank]
  end
end

-- The rank of the nth call, and which of its rank it is.
local function rank_of(call)
  for rank = 1, RANKS do
    if call <= wanted.calls[rank] then
      return rank, call
    end
    call = call - wanted.calls[rank]
  end
end

local function calls_of_rank(rank, first)
  for above = 1, rank - 1 do
    first = first - wanted.calls[above]
  end
  return math.max(0, math.min(wanted.calls[rank], first))
end

local function claim_counts(claim, now)
  return claim.units > 0 and now <= claim.ends
end

-- Read the claims, forget what is over, and see them as this asker does. Nil if there are none.
local function read_claims(state)
  local seen = {rows = {}, others = {}, own = {}, served = {}, had = state.claims and true or false}
  local packed, at = state.claims or '', 1
  while at < #packed do
    local asker, rank, units, weight, served, ends
    asker, rank, units, weight, served, ends, at = struct.unpack('<dddddd', packed, at)
    if state.now <= ends + MEMORY then
      local claim = {asker = asker, rank = rank, units = units, weight = weight, served = served, ends = ends}
      seen.rows[#seen.rows + 1] = claim
      if asker == wanted.asker then
        seen.own[rank] = claim
      elseif claim_counts(claim, state.now) then
        seen.others[#seen.others + 1] = claim
      end
    end
  end
  for rank = 1, RANKS do
    local own = seen.own[rank]
    if own and claim_counts(own, state.now) then
      seen.served[rank] = own.served
    else
      local least
      for _, other in ipairs(seen.others) do
        if other.rank == rank and (not least or other.served < least) then
          least = other.served
        end
      end
      seen.served[rank] = math.max(least or 0, own and own.served or 0)
    end
  end
  return seen
end

-- Units of others whose turn is before that of the nth call.
local function before(seen, call, units)
  if #seen.others == 0 then
    return 0
  end
  local rank, nth = rank_of(call)
  local mine, total = seen.served[rank] + nth * units / wanted.weights[rank], 0
  for _, claim in ipairs(seen.others) do
    if claim.rank < rank then
      total = total + claim.units
    elseif claim.rank == rank then
      local turns = (mine - claim.served) * claim.weight
      turns = claim.asker < wanted.asker and math.floor(turns) or math.ceil(turns) - 1
      total = total + math.max(0, math.min(claim.units, turns))
    end
  end
  return total
end

local function drop_first_to_lapse(rows)
  local first = 1
  for i = 2, #rows do
    if rows[i].ends < rows[first].ends then
      first = i
    end
  end
  table.remove(rows, first)
end

-- Keep what the asker was served and could still use, unless nobody waits at all. Who waits for room in another rule
-- leaves this one to others: `usable(rank)` is for how many calls the others have room.
local function enter_claims(key, state, seen, granted, units, again, usable)
  local waits = granted < wanted.all and (again > 0 or granted == wanted.total)
  if #seen.rows > 0 or waits then
    for rank = 1, RANKS do
      local own, calls, got = seen.own[rank], wanted.calls[rank], calls_of_rank(rank, granted)
      if not own and calls > 0 then
        if #seen.rows == CLAIMS_MAX then
          drop_first_to_lapse(seen.rows)
        end
        own = {asker = wanted.asker, rank = rank}
        seen.rows[#seen.rows + 1] = own
      end
      if own then
        own.units = waits and math.min(wanted.waiting[rank] - got, usable(rank)) * units or 0
        if calls > 0 then
          own.weight = wanted.weights[rank]
          own.served = seen.served[rank] + got * units / own.weight
          own.ends = state.now + again + GRACE
        end
      end
    end
    local packed = {}
    for i, row in ipairs(seen.rows) do
      packed[i] = struct.pack('<dddddd', row.asker, row.rank, row.units, row.weight, row.served, row.ends)
    end
    redis.call('HSET', key, 'q', table.concat(packed))
  elseif seen.had then
    redis.call('HDEL', key, 'q')
  end
end
