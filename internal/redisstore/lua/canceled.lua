-- canceled ends a running job whose upstream was asked to stop it. One that was
-- canceled before that could be done learns what came of it.
-- ARGV: id, token, "1" if it has stopped, "0" if it works on, grace ms
-- A job that works on keeps its slot and its lease: it is polled on, and what
-- comes of it is stored.
-- Returns {"ok", bells}; {"over", bells} when the job was final and nothing more
-- comes of it; {"noted", {}} when it was final and works on; or {"stale", {}}.
local id, stopped = ARGV[1], ARGV[3] == '1'
local grace = tonumber(ARGV[4])
local j = get(id, 'state', 'owner', 'harvest', 'stop', 'settled_by')
local again = told(j[5], ARGV[2], 'canceled')
if again then return { again, {} } end
if doing(j[1], j[3]) ~= 'running' or j[2] ~= ARGV[2] or j[4] ~= '1' then return { 'stale', {} } end
redis.call('HSET', job_key(id), 'stop', '')
local word, pool = final(j[1]) and (stopped and 'over' or 'noted') or 'ok', nil
settled_by(id, ARGV[2], 'canceled', word)
if word == 'ok' then
  cancel_as(id, stopped and 'upstream_confirmed' or 'upstream_unsupported', stopped and 'none' or 'possible')
  pool = finish(id, 'canceled', 'job.canceled', grace, stopped and '' or 'running', 0)
elseif stopped then
  if j[1] == 'canceled' then redis.call('HSET', job_key(id), 'cancel_outcome', 'upstream_confirmed', 'cancel_billing', 'none') end
  redis.call('ZADD', P .. 'archive', now + grace, id)
  pool = over(id)
end
return { word, pool and admit(pool, 16, grace, {}) or {} }
