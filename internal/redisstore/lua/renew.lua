-- renew prolongs leases in bulk.
-- ARGV: lease ms, then id and token of each
-- Returns the places, from 0, of those that are no longer this owner's.
local lost = {}
for i = 2, #ARGV, 2 do
  local id = ARGV[i]
  local j = get(id, 'state', 'owner', 'harvest')
  local stage = doing(j[1], j[3])
  if stage == '' or j[2] ~= ARGV[i + 1] then
    lost[#lost + 1] = i / 2 - 1
  else
    redis.call('ZADD', leased(stage), now + tonumber(ARGV[1]), id)
  end
end
return lost
