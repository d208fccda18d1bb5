-- renew prolongs leases in bulk.
-- ARGV: lease ms, then id and token of each
-- Returns the places, from 0, of those that are no longer this owner's.
local lost = {}
for i = 2, #ARGV, 2 do
  local id = ARGV[i]
  local j = get(id, 'state', 'owner')
  if not j[1] or final(j[1]) or j[2] ~= ARGV[i + 1] then
    lost[#lost + 1] = i / 2 - 1
  else
    redis.call('ZADD', P .. (j[1] == 'running' and 'polls' or 'bells'), now + tonumber(ARGV[1]), id)
  end
end
return lost
