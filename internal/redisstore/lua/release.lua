-- release gives leases back, so that another worker may act at once.
-- ARGV: id and token of each
-- Returns how many were given back.
local n = 0
for i = 1, #ARGV, 2 do
  local id = ARGV[i]
  local j = get(id, 'state', 'owner', 'harvest')
  local stage = doing(j[1], j[3])
  if stage ~= '' and j[2] == ARGV[i + 1] then
    redis.call('HSET', job_key(id), 'owner', '')
    redis.call('ZADD', leased(stage), 0, id)
    n = n + 1
  end
end
return n
