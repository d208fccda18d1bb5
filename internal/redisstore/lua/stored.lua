-- stored writes the facts of one file that is in the bucket.
-- ARGV: id, token, index from 0, media, sources ("" leaves them)
-- Returns "ok", "done" when that index was written before, or "stale".
local id, index = ARGV[1], tonumber(ARGV[3])
local j = get(id, 'state', 'owner', 'stored', 'harvest')
if doing(j[1], j[4]) ~= 'mirroring' or j[2] ~= ARGV[2] then return 'stale' end
local stored = tonumber(j[3] or '0')
if index < stored then return 'done' end
if index > stored then return 'stale' end
redis.call('HSET', job_key(id), 'media:' .. index, ARGV[4], 'stored', stored + 1)
event(id, 'job.media', 'media', ARGV[4])
return 'ok'
