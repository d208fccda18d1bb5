-- claim_polls takes running jobs that nobody polls.
-- ARGV: token, lease ms, most
-- Returns the ids.
local ids = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'polls', '-inf', now, 'LIMIT', 0, ARGV[3])) do
  if newer(id) then
    redis.call('ZADD', P .. 'polls', now + tonumber(ARGV[2]), id) -- out of the way of the others; whoever knows it may come sooner
  elseif redis.call('EXISTS', job_key(id)) == 1 then
    redis.call('HSET', job_key(id), 'owner', ARGV[1])
    redis.call('ZADD', P .. 'polls', now + tonumber(ARGV[2]), id)
    ids[#ids + 1] = id
  else
    redis.call('ZREM', P .. 'polls', id)
  end
end
return ids
