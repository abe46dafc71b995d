-- Close rules because the venue said "too many": for every replica, at once. Then one call goes alone.
--
-- KEYS  one state per rule
-- ARGV  µs to stay closed; 0: one period

for i = 1, #KEYS do
  local state = load(KEYS[i])
  if state then
    local span = tonumber(ARGV[1])
    if span == 0 then
      span = state.period
    end
    state.blocked, state.probe = math.max(state.blocked, state.now + span), -1
    save(KEYS[i], state)
    local ttl = redis.call('PTTL', KEYS[i])
    redis.call('PEXPIRE', KEYS[i], text(ttl + (state.blocked - state.now) / 1000))
  end
end
return 0
