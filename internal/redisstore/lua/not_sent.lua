-- not_sent takes a submission back that never left: the job keeps its slot and
-- is rung for again after a delay that doubles with each try.
-- ARGV: id, token that began it, fence ("0": whichever it began), first delay ms, most tries
-- Returns {"ok", delay ms}, {"spent", 0} after the last try (the caller fails
-- the job), or {"stale", 0}.
local id = ARGV[1]
if not begun_by(id, ARGV[2], ARGV[3] ~= '0' and ARGV[3] or nil) then return { 'stale', 0 } end
local tries = redis.call('HINCRBY', job_key(id), 'tries', 1)
if tries >= tonumber(ARGV[5]) then return { 'spent', 0 } end
local delay = tonumber(ARGV[4]) * 2 ^ (tries - 1)
redis.call('HSET', job_key(id), 'state', 'queued', 'owner', '')
redis.call('ZADD', P .. 'bells', now + delay, id)
event(id, 'job.progress')
return { 'ok', delay }
