-- accepted writes what the upstream answered to the submission of a fence,
-- whoever owns the job by now: an answer that was paid for is never dropped.
-- ARGV: id, fence, upstream id, sources ("" when it must be polled), usage, grace ms,
--       token of who writes
-- Returns {"ok", bells}; {"late", bells} when the job was given up meanwhile: it
-- keeps its final state and is harvested; {"known", {}} when somebody else has written
-- it before, as who has looked it up does; {"stale", {}} when a newer fence exists.
-- Whoever writes again, since the reply was lost, hears the same word, without bells.
local id, fence, links = ARGV[1], ARGV[2], ARGV[4]
local grace = tonumber(ARGV[6])
local j = get(id, 'state', 'fence', 'account', 'answered', 'cancel_asked', 'kind', 'pool', 'answered_by', 'answered_as')
if not j[1] or j[2] ~= fence then return { 'stale', {} } end
if j[4] == fence then return { j[8] == ARGV[7] and j[9] or 'known', {} } end
redis.call('HSET', job_key(id), 'upstream_id', ARGV[3], 'answered', fence, 'answered_by', ARGV[7], 'answered_as', final(j[1]) and 'late' or 'ok', 'submitted', now, 'sources', links, 'usage', ARGV[5], 'owner', '')
recover(j[3], j[7])
local late = final(j[1])
local stage = links == '' and 'running' or 'mirroring'
if late then
  harvest(id, stage, math.max(harvest_end(id, stage), now + 600000))
  hold(j[3], id, j[6]) -- the upstream is at work for it, whatever we have thought
  redis.call('ZADD', P .. 'archive', now, id)
else
  redis.call('HSET', job_key(id), 'state', stage)
end
local bells = {}
if stage == 'running' then
  if not late then redis.call('HSET', job_key(id), 'phase', 'queued') end
  if j[5] then redis.call('HSET', job_key(id), 'stop', 1) end
  redis.call('ZREM', P .. 'bells', id)
  redis.call('ZADD', P .. 'polls', 0, id)
else
  if not late then cancel_as(id, 'too_late', 'charged') end
  bells = { ring_first(id, 'mirror', grace) }
end
if late then return { 'late', bells } end
event(id, 'job.submitted')
return { 'ok', bells }
