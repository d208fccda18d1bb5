-- ready hands a running job whose media can be fetched to the mirror.
-- ARGV: id, token, sources, usage, grace ms
-- Returns {"ok", bells}, {"done", {}} when it was handed on before, or {"stale", {}}.
local id = ARGV[1]
local j = get(id, 'state', 'owner')
if j[1] == 'mirroring' or j[1] == 'succeeded' then return { 'done', {} } end
if j[1] ~= 'running' or j[2] ~= ARGV[2] then return { 'stale', {} } end
redis.call('HSET', job_key(id), 'state', 'mirroring', 'phase', '', 'sources', ARGV[3])
if ARGV[4] ~= '' then redis.call('HSET', job_key(id), 'usage', ARGV[4]) end
redis.call('ZREM', P .. 'polls', id)
event(id, 'job.progress')
return { 'ok', { ring_first(id, 'mirror', tonumber(ARGV[5])) } }
