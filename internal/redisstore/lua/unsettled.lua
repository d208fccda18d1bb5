-- unsettled waits for the answer to a submission whose worker was taken over:
-- it may be alive and write it late. The lease is given back until the answer
-- cannot come any more.
-- ARGV: id, token, how long an answer may take in ms
-- Returns the ms left to wait; 0 when it is over (the lease is kept); -1 when
-- the job is not this owner's, or settled.
local id = ARGV[1]
local j = get(id, 'state', 'owner', 'submit_began')
if j[1] ~= 'submitting' or j[2] ~= ARGV[2] then return -1 end
local ends = tonumber(j[3]) + tonumber(ARGV[3])
if ends <= now then return 0 end
redis.call('HSET', job_key(id), 'owner', '')
redis.call('ZADD', P .. 'bells', ends, id)
return ends - now
