-- claim_polls takes running jobs that nobody polls.
-- ARGV: token, lease ms, most
-- Returns the ids.
local ids = redis.call('ZRANGEBYSCORE', P .. 'polls', '-inf', now, 'LIMIT', 0, ARGV[3])
for _, id in ipairs(ids) do
  redis.call('HSET', job_key(id), 'owner', ARGV[1])
  redis.call('ZADD', P .. 'polls', now + tonumber(ARGV[2]), id)
end
return ids
