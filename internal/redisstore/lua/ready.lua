-- ready hands a running job whose media can be fetched to the mirror.
-- ARGV: id, token, sources, usage, grace ms, how long the upstream says that it took,
--       in ms (0: it does not)
-- Returns {"ok", bells} or {"stale", {}}.
local id = ARGV[1]
local j = get(id, 'state', 'owner', 'harvest', 'settled_by')
local stage = doing(j[1], j[3])
if told(j[4], ARGV[2], 'ready') then return { 'ok', {} } end
if stage ~= 'running' or j[2] ~= ARGV[2] then return { 'stale', {} } end
settled_by(id, ARGV[2], 'ready', 'ok')
cancel_as(id, 'too_late', 'charged')
redis.call('HSET', job_key(id), final(j[1]) and 'harvest' or 'state', 'mirroring', 'phase', '', 'sources', ARGV[3], 'ready', now, 'took', ARGV[6])
if ARGV[4] ~= '' then redis.call('HSET', job_key(id), 'usage', ARGV[4]) end
redis.call('ZREM', P .. 'polls', id)
if not final(j[1]) then event(id, 'job.progress') end
return { 'ok', { ring_first(id, 'mirror', tonumber(ARGV[5])) } }
