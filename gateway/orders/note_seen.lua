-- Note orders that the venue shows and no record knows, under their client ids. Safe to run twice.
--
-- KEYS  reservations of the venue's client ids
-- ARGV  1 how long to keep them, ms · 2 only those noted before (1) · then for each key: the order as the venue shows it
-- Answer  how many were noted

local noted = 0
for i, reservation in ipairs(KEYS) do
  local known = redis.call("GET", reservation)
  local is_note = known and string.sub(known, 1, 1) == "{"
  if is_note or (not known and ARGV[2] ~= "1") then
    redis.call("SET", reservation, ARGV[2 + i], "PX", ARGV[1])
    noted = noted + 1
  end
end
return noted
