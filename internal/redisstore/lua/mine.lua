-- What accept adds to the list of a tenant's jobs.
--
--   mine:<tenant>  zset  its jobs, all with score 0: the ids sort by their time
--
-- Jobs that have expired leave it by sampling, so that it holds no more than
-- twice as many as there are, however differently long they are kept; and all of
-- it expires after the last of them.
local function list(tenant, id, keep)
  local mine = P .. 'mine:' .. tenant
  redis.call('ZADD', mine, 0, id)
  if redis.call('PTTL', mine) < keep then redis.call('PEXPIRE', mine, keep + 3600000) end
  if now % 8 ~= 0 then return end
  for _, other in ipairs(redis.call('ZRANDMEMBER', mine, 16)) do
    if redis.call('EXISTS', job_key(other)) == 0 then redis.call('ZREM', mine, other) end
  end
end
