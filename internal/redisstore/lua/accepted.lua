-- accepted writes what the upstream answered to the submission of a fence,
-- whoever owns the job by now: an answer that was paid for is never dropped.
-- ARGV: id, fence, upstream id, sources ("" when it must be polled), usage, grace ms
-- Returns {"ok", bells}; {"done", {}} when this answer was written before;
-- {"late", {}} when the job was given up meanwhile: what came is kept, and the
-- archive gets the record again;
-- {"stale", {}} when a newer fence exists.
local id, fence = ARGV[1], ARGV[2]
local j = get(id, 'state', 'fence', 'upstream_id', 'account', 'answered')
if not j[1] or j[2] ~= fence then return { 'stale', {} } end
if j[1] ~= 'submitting' then
  if j[5] == fence then return { 'done', {} } end
  redis.call('HSET', job_key(id), 'upstream_id', ARGV[3], 'answered', fence, 'sources', ARGV[4], 'usage', ARGV[5])
  redis.call('ZADD', P .. 'archive', now, id)
  return { 'late', {} }
end
redis.call('HSET', job_key(id), 'upstream_id', ARGV[3], 'answered', fence, 'submitted', now, 'usage', ARGV[5], 'owner', '')
redis.call('HDEL', P .. 'acct:' .. j[4], 'strikes')
if ARGV[4] == '' then
  redis.call('HSET', job_key(id), 'state', 'running', 'phase', 'queued')
  redis.call('ZREM', P .. 'bells', id)
  redis.call('ZADD', P .. 'polls', 0, id)
  event(id, 'job.submitted')
  return { 'ok', {} }
end
redis.call('HSET', job_key(id), 'state', 'mirroring', 'sources', ARGV[4])
event(id, 'job.submitted')
return { 'ok', { ring_first(id, 'mirror', tonumber(ARGV[6])) } }
