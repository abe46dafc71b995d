-- Claim an order, spend for the call that sends it and fix its send time, all in one step; no more than the claim
-- where the units are not there or the order must not leave. Safe to run twice: what is sent is not spent for again.
--
-- `admit(keys, args)`
-- keys  those of `spend`, the halts, those of `claim`
-- args  those of `spend`, for one call; those of `claim`; those of `begin_send` for the order, without what `claim`
--       knows of it (nonce, order id, valid_until); how many these are; how many of the keys are `spend`'s
-- Answer  {`claim`'s, `begin_send`'s or nothing, `spend`'s or nothing}

local function admit(keys, args)
  local count, of_send = tonumber(args[#args]), tonumber(args[#args - 1])
  local first, last = 15 + 6 * (count - 1), #args - 2 - of_send
  local claim_keys, claim_args = { unpack(keys, count + 2) }, { unpack(args, first + 1, last) }
  local claimed = claim(claim_keys, claim_args)
  if claimed[1] ~= "claimed" then
    return { claimed, false, false }
  end
  local order
  for i = 7, #claim_args, 2 do
    if claim_args[i] == claimed[2] then
      order = claim_keys[i - 2]
    end
  end
  local send_keys = { claim_keys[2], keys[count + 1], order }
  local send_args = { args[last + 1], args[last + 2], args[last + 3], args[last + 4],
    claim_args[1], claimed[2], claim_args[4], unpack(args, last + 5, #args - 2) }
  local answer, version = standing(send_keys, send_args, 1)
  if answer then
    return { claimed, answer, false }
  end
  local spent = spend({ unpack(keys, 1, count) }, args)
  return { claimed, spent[1] == 1 and fix_send_time(send_keys, send_args, 1, version) or false, spent }
end
