-- defer gives a lease back for a while: the sweeper rings, or a poller takes the
-- job, after the delay.
-- ARGV: id, token, delay ms, field to count ("" for none)
-- Returns how often that field was counted, 0 without one, or -1 if the job is
-- not this owner's.
local id = ARGV[1]
local j = get(id, 'state', 'owner')
if not j[1] or final(j[1]) or j[2] ~= ARGV[2] then return -1 end
redis.call('HSET', job_key(id), 'owner', '')
redis.call('ZADD', P .. (j[1] == 'running' and 'polls' or 'bells'), now + tonumber(ARGV[3]), id)
return ARGV[4] ~= '' and redis.call('HINCRBY', job_key(id), ARGV[4], 1) or 0
