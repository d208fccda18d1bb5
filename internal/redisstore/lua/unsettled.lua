-- unsettled waits for the answer to a submission whose worker was taken over:
-- it may be alive and write it late. The lease is given back until the answer
-- cannot come any more: the request has timed out, and since somebody first
-- asked here, which shows that Redis answers, a worker that has it had the time
-- to write it.
-- ARGV: id, token, how long an answer may take in ms, lease ms, when to look
--       again before that is over in ms (0: not at all), "1" when whoever asks has told
--       of it as of one of unknown outcome
-- Returns the ms left to wait; 0 when it is over (the lease is kept); -1 when
-- the job is not this owner's, or settled.
local id, lease = ARGV[1], tonumber(ARGV[4])
local j = get(id, 'state', 'owner', 'submit_began', 'harvest')
if doing(j[1], j[4]) ~= 'submitting' or j[2] ~= ARGV[2] then return -1 end
redis.call('HSETNX', job_key(id), 'doubt', now)
if ARGV[6] == '1' then redis.call('HSET', job_key(id), 'doubt_told', 1) end
local doubt = tonumber(get(id, 'doubt')[1])
local look = tonumber(ARGV[5])
-- Where silence will be taken for proof, a step of Redis' clock must not shorten it.
local ends = math.max(tonumber(j[3]) + tonumber(ARGV[3]) + lease / 2, doubt + (look > 0 and tonumber(ARGV[3]) or lease))
if ends <= now then return 0 end
redis.call('HSET', job_key(id), 'owner', '')
redis.call('ZADD', P .. 'bells', look > 0 and math.min(ends, now + look) or ends, id)
return math.ceil(ends - now)
