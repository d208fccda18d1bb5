-- defer gives a lease back for a while: the sweeper rings, or a poller takes the
-- job, after the delay.
-- ARGV: id, token, delay ms, field to count ("" for none)
-- Returns how often that field was counted, 0 without one, or -1 if the job is
-- not this owner's.
local id = ARGV[1]
local j = get(id, 'state', 'owner', 'harvest')
local stage = doing(j[1], j[3])
if stage == '' or j[2] ~= ARGV[2] then return -1 end
redis.call('HSET', job_key(id), 'owner', '')
redis.call('ZADD', leased(stage), now + tonumber(ARGV[3]), id)
return ARGV[4] ~= '' and redis.call('HINCRBY', job_key(id), ARGV[4], 1) or 0
