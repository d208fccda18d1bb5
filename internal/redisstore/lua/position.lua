-- position tells where a job waits.
-- ARGV: id
-- Returns {jobs ahead of it, jobs that wait with it, "1" if it was told that fewer
-- are ahead}, or nil if it does not wait.
local id = ARGV[1]
local j = get(id, 'pool', 'model', 'tenant', 'told')
if not j[1] then return nil end
local lane, held = lane_of(j[1], j[2]), P .. 'held:' .. j[3]
local ahead, depth = redis.call('ZRANK', lane, id), redis.call('ZCARD', lane)
if not ahead then
  local rank = redis.call('ZRANK', held, id)
  if not rank then return nil end
  ahead, depth = depth + rank, depth + redis.call('ZCARD', held)
end
local told = tonumber(j[4] or '')
if told ~= ahead then redis.call('HSET', job_key(id), 'told', ahead) end
return { ahead, depth, told and told < ahead and 1 or 0 }
