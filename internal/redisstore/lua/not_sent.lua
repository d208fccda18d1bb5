-- not_sent takes a submission back that created nothing: the job keeps its slot,
-- or gets one of another account, and is rung for again after a delay that doubles
-- with each try. One that is to be canceled is; one that is final has nothing left
-- to wait for.
-- ARGV: id, token that began it or holds the lease, fence ("0": whichever it
--       began, and nothing was done under it: the next one gets its number),
--       first delay ms, most tries (0: not counted, the deadline ends them), grace
--       ms, "" or, if it may have been paid for all the same, how long after it the
--       upstream may be at work, in ms
-- Returns {"ok", bells}, {"canceled", bells}, {"over", bells}, {"spent", {}}
-- after the last try (the caller fails the job), or {"stale", {}}.
local id = ARGV[1]
local grace = tonumber(ARGV[6])
if not may_settle(id, ARGV[2], ARGV[3] ~= '0' and ARGV[3] or nil) then return { 'stale', {} } end
if ARGV[7] ~= '' then redis.call('HSET', job_key(id), 'unsure', ARGV[7]) end
local word, pool = unsent(id, grace)
if word then return { word, pool and admit(pool, 16, grace, {}) or {} } end
local j = get(id, 'fence_by', 'unused')
if ARGV[3] == '0' and j[1] == ARGV[2] then
  redis.call('HSET', job_key(id), 'fence_by', '', 'unused', (j[2] or '') .. j[1] .. ' ')
end
local most, tries = tonumber(ARGV[5]), 1
if most > 0 then
  tries = redis.call('HINCRBY', job_key(id), 'tries', 1)
  if tries >= most then
    local from = get(id, 'pool')[1]
    local other = ARGV[7] == '' and elsewhere(id, true)
    if other then return { 'ok', admit(other, 16, grace, admit(from, 16, grace, {})) } end
    return { 'spent', {} }
  end
end
local delay = tonumber(ARGV[4]) * 2 ^ (tries - 1)
redis.call('HSET', job_key(id), 'state', 'queued', 'owner', '')
if ARGV[3] ~= '0' and ARGV[7] == '' then move(id) end
redis.call('ZADD', P .. 'bells', now + delay, id)
event(id, 'job.progress')
return { 'ok', {} }
