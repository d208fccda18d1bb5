-- accept saves a new job with its first event, puts it into its line and
-- admits what can be admitted.
-- ARGV: id, pool, model, tenant, spec, secret, deadline ms, retention ms,
--       grace ms, kind, account ("" for the pool's own accounts), its limit,
--       sealed credential ("" for none), upstream, harvest ms: how long after the
--       deadline late media is waited for, cancel after ms (0: never);
--       of repeats.lua: idempotency key ("" for none), digest of the request, ms
--       for which the key is kept, ms for which retries find the job (0: never),
--       absorb ms (0: this is no retry), how many tries came before this one, how
--       long ago a first try came in ms (0: it is none, or is not counted);
--       what the job costs of its tenant's share, how many turns it waits longer than
--       others (negative: less long), and its tenant's limits, 0 for none: jobs that
--       run, jobs a minute, jobs that wait; the class of jobs that take equally long; the
--       places where it may be had, in order, as JSON of {pool, model, upstream}, ""
--       for the one alone; where its trace stands, "" without one
-- Returns {"ok", bells, now ms, account ("" while it waits)}; {"unusable", {}, ms}
-- when no account could serve the job before its deadline, with the ms until one
-- can, or -1; {"full", {}} when the tenant has as many waiting as it may;
-- {"exists"} when the id is taken: the reply of an earlier try was lost; or
-- {"earlier"} when the request has its job: then nothing is written.
local id, pool, model, tenant, kind = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[10]
local upstream = ARGV[14]
local grace, deadline = tonumber(ARGV[9]), now + tonumber(ARGV[7])
local keep = tonumber(ARGV[7]) + tonumber(ARGV[8]) + tonumber(ARGV[15])
if redis.call('EXISTS', job_key(id)) == 1 then return { 'exists', {} } end
if before(ARGV[17], ARGV[18], tonumber(ARGV[21]), tonumber(ARGV[23])) then return { 'earlier', {} } end
if ARGV[11] ~= '' then
  local acct = P .. 'acct:' .. ARGV[11]
  redis.call('HSET', acct, 'enabled', 1, 'models', '', 'max', ARGV[12])
  redis.call('ZADD', P .. 'pool:' .. pool, 'NX', 0, ARGV[11])
  redis.call('PEXPIRE', acct, keep)
  redis.call('PEXPIRE', P .. 'pool:' .. pool, keep)
else
  local place = ARGV[30] ~= '' and best_place(ARGV[30], kind, deadline, '')
  if place then pool, model, upstream = place.pool, place.model, place.upstream end
end

-- Where nobody waits and a slot is free, the job gets it at once: what standing
-- in line and being admitted would come to, written in one go.
local lines = redis.call('EXISTS', P .. 'lanes:' .. pool, P .. 'held:' .. tenant, P .. 'tenant:' .. tenant)
local known = lines > 0 and redis.call('EXISTS', P .. 'tenant:' .. tenant) == 1
if known then lines = lines - 1 end
local acct = lines == 0 and first_free(pool, model, kind)
if not acct and ARGV[11] == '' then
  local at = soonest(pool, model, kind)
  if not at or at >= deadline then return { 'unusable', {}, at and at - now or -1 } end
end

local limited = ARGV[26] ~= '0' or ARGV[27] ~= '0'
if limited or known then
  redis.call('HSET', P .. 'tenant:' .. tenant, 'running', ARGV[26], 'per_minute', ARGV[27])
  redis.call('PEXPIRE', P .. 'tenant:' .. tenant, keep)
end
if acct and limited and not let_in(tenant) then acct = nil end
local most = tonumber(ARGV[28])
if not acct and most > 0 and redis.call('SCARD', P .. 'waits:' .. tenant) >= most then return { 'full', {} } end
if ARGV[11] ~= '' then redis.call('SET', P .. 'cred:' .. id, ARGV[13], 'PX', keep) end
redis.call('HSET', job_key(id), 'id', id, 'schema', SCHEMA, 'tenant', tenant, 'spec', ARGV[5], 'secret', ARGV[6],
  'pool', pool, 'model', model, 'kind', kind, 'upstream', upstream, 'also', ARGV[30], 'own', ARGV[11] ~= '' and 1 or 0, 'state', 'queued', 'phase', '',
  'cost', ARGV[24], 'bias', ARGV[25], 'tag', acct and acct.pool.turn or '', 'ver', acct and 2 or 0, 'fence', 0, 'bell', acct and 1 or 0, 'tries', 0,
  'account', acct and acct.id or '', 'census', acct and 'admitted|' .. kind or '', 'owner', '', 'created', now, 'admitted', acct and now or '', 'class', ARGV[29], 'deadline', deadline, 'harvest_by', deadline + tonumber(ARGV[15]),
  'retention', ARGV[8], 'expires', deadline + tonumber(ARGV[8]))
-- Also by itself, for whoever reads thousands of running jobs without their specs.
if ARGV[31] ~= '' then redis.call('HSET', job_key(id), 'trace', ARGV[31]) end
-- The spec says whether the caller wants to be told. No text in it can look like this: its quotes are escaped.
local hook = string.find(ARGV[5], '"webhook":{"url":', 1, true) and cjson.decode(ARGV[5]).webhook
local own = hook and table.concat(hook.events, ',') or ''
if hook then redis.call('HSET', job_key(id), 'hook', own, 'hook_url', hook.url, 'hook_origin', hook.origin or '') end
remember(id, ARGV[17], ARGV[18], ARGV[19], tonumber(ARGV[20]), tonumber(ARGV[22]))
list(tenant, id, keep)
redis.call('ZADD', P .. 'deadlines', deadline, id)
if ARGV[16] ~= '0' then redis.call('ZADD', P .. 'cancels', now + tonumber(ARGV[16]), id) end
if not acct then
  event(id, 'job.queued')
  stand(id, pool, model, tenant, tonumber(ARGV[24]), tonumber(ARGV[25]))
  return { 'ok', admit(pool, 16, grace, {}), now, '' }
end
redis.call('XADD', P .. 'ev:' .. id, '1-0', 'type', 'job.queued', 'at', now, 'state', 'queued', 'phase', '')
redis.call('XADD', P .. 'ev:' .. id, '2-0', 'type', 'job.admitted', 'at', now, 'state', 'queued', 'phase', '')
redis.call('PUBLISH', P .. 'news', id .. ' 2')
tell(id, 1, 'job.queued', 'queued', tenant, own)
tell(id, 2, 'job.admitted', 'queued', tenant, own)
use(pool, acct, id, kind)
redis.call('SADD', P .. 'busy:' .. tenant, id)
redis.call('ZADD', P .. 'census:admitted|' .. kind, now, id)
redis.call('ZADD', P .. 'bells', now + grace, id)
return { 'ok', { { id, 'submit', 1 } }, now, acct.id }
