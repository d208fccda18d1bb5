-- progress writes a new phase of a running job.
-- ARGV: id, token, phase
-- Returns "ok", "same" when nothing changed, or "stale".
local j = get(ARGV[1], 'state', 'owner', 'phase', 'harvest')
if doing(j[1], j[4]) == 'running' and final(j[1]) and j[2] == ARGV[2] then return 'same' end
if j[1] ~= 'running' or j[2] ~= ARGV[2] then return 'stale' end
if j[3] == ARGV[3] then return 'same' end
redis.call('HSET', job_key(ARGV[1]), 'phase', ARGV[3])
event(ARGV[1], 'job.progress')
return 'ok'
