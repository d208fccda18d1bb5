-- defer gives a lease back for a while: the sweeper rings after the delay.
-- ARGV: id, token, delay ms
-- Returns "ok" or "stale".
local j = get(ARGV[1], 'state', 'owner')
if not j[1] or final(j[1]) or j[2] ~= ARGV[2] then return 'stale' end
redis.call('HSET', job_key(ARGV[1]), 'owner', '')
redis.call('ZADD', P .. 'bells', now + tonumber(ARGV[3]), ARGV[1])
return 'ok'
