-- Claim an order, spend for the call that sends it and fix its send time, all in one step; no more than the claim
-- where the units are not there or the order must not leave. Safe to run twice: what is sent is not spent for again.
--
-- `admit(keys, args)`
-- keys  those of `spend`, those of `claim`
-- args  those of `spend`, for one call; those of `claim`; then 1 venue clock minus Redis clock, ms · 2 window ms
--       · 3 lease ms from the send · 4 how many of the keys are `spend`'s
-- Answer  {`claim`'s, `begin_send`'s or nothing, `spend`'s or nothing}

local function admit(keys, args)
  local count = tonumber(args[#args])
  local first = 15 + 6 * (count - 1)
  local claim_keys, claim_args = { unpack(keys, count + 1) }, { unpack(args, first + 1, #args - 4) }
  local claimed = claim(claim_keys, claim_args)
  if claimed[1] ~= "claimed" then
    return { claimed, false, false }
  end
  local order
  for i = 10, #claim_args, 2 do
    if claim_args[i] == claimed[2] then
      order = claim_keys[i - 3]
    end
  end
  local send_keys = { order, claim_keys[2], claim_keys[4], claim_keys[5] }
  local send_args = { claim_args[1], claimed[2], claim_args[4], args[#args - 3], args[#args - 2], args[#args - 1],
    claim_args[7], claim_args[8], claim_args[9] }
  local answer, version = standing(send_keys, send_args)
  if answer then
    return { claimed, answer, false }
  end
  local spent = spend({ unpack(keys, 1, count) }, args)
  return { claimed, spent[1] == 1 and fix_send_time(send_keys, send_args, version) or false, spent }
end
