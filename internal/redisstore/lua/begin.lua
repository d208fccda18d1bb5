-- begin writes the fence: from here on a submission may have been paid.
-- ARGV: id, token, lease ms
-- Returns the fence, or 0 when the job is not this owner's to submit, or its
-- deadline has passed: the sweeper then ends it, and nothing is paid.
local id = ARGV[1]
local j = get(id, 'state', 'owner', 'fence', 'fence_by', 'deadline')
-- The same token asks again when its first reply was lost. Another token that
-- took the lease over must never get a fence that may have been used.
if j[1] == 'submitting' and j[2] == ARGV[2] and j[4] == ARGV[2] then return tonumber(j[3]) end
if j[1] ~= 'queued' or j[2] ~= ARGV[2] or tonumber(j[5]) <= now then return 0 end
redis.call('HDEL', job_key(id), 'doubt', 'doubt_told')
redis.call('HSET', job_key(id), 'state', 'submitting', 'fence_by', ARGV[2], 'submit_began', now)
redis.call('ZADD', P .. 'bells', now + tonumber(ARGV[3]), id)
local fence = tonumber(j[3])
if j[4] ~= '' then -- else its number was given back
  fence = redis.call('HINCRBY', job_key(id), 'fence', 1)
  redis.call('HDEL', job_key(id), 'unused')
end
event(id, 'job.progress')
return fence
