-- release gives leases back, so that another worker may act at once.
-- ARGV: id and token of each
-- Returns how many were given back.
local n = 0
for i = 1, #ARGV, 2 do
  local id = ARGV[i]
  local j = get(id, 'state', 'owner')
  if j[1] and not final(j[1]) and j[2] == ARGV[i + 1] then
    redis.call('HSET', job_key(id), 'owner', '')
    redis.call('ZADD', P .. (j[1] == 'running' and 'polls' or 'bells'), 0, id)
    n = n + 1
  end
end
return n
