-- accept saves a new job with its first event, puts it into its line and
-- admits what can be admitted.
-- ARGV: id, pool, model, tenant, spec, secret, deadline ms, retention ms,
--       grace ms, kind, account ("" for the pool's own accounts), its limit,
--       sealed credential ("" for none), upstream, harvest ms: how long after the
--       deadline late media is waited for, cancel after ms (0: never);
--       of repeats.lua: idempotency key ("" for none), digest of the request, ms
--       for which the key is kept, ms for which retries find the job (0: never),
--       absorb ms (0: this is no retry), how many tries came before this one, how
--       long ago a first try came in ms (0: it is none, or is not counted)
-- Returns {"ok", bells, now ms, account ("" while it waits)}, {"unusable"} when
-- no account could ever serve the job, {"exists"} when the id is taken: the
-- reply of an earlier try was lost, or {"earlier"} when the request has its job:
-- then nothing is written.
local id, pool, model = ARGV[1], ARGV[2], ARGV[3]
local grace = tonumber(ARGV[9])
if redis.call('EXISTS', job_key(id)) == 1 then return { 'exists', {} } end
if before(ARGV[17], ARGV[18], tonumber(ARGV[21]), tonumber(ARGV[23])) then return { 'earlier', {} } end
if ARGV[11] ~= '' then
  local keep = tonumber(ARGV[7]) + tonumber(ARGV[8]) + tonumber(ARGV[15])
  local acct = P .. 'acct:' .. ARGV[11]
  redis.call('HSET', acct, 'enabled', 1, 'models', '', 'max', ARGV[12])
  redis.call('ZADD', P .. 'pool:' .. pool, 'NX', 0, ARGV[11])
  redis.call('PEXPIRE', acct, keep)
  redis.call('PEXPIRE', P .. 'pool:' .. pool, keep)
  redis.call('SET', P .. 'cred:' .. id, ARGV[13], 'PX', keep)
end

-- Where nobody waits and a slot is free, the job gets it at once: what standing
-- in line and being admitted would come to, written in one go.
local acct = redis.call('EXISTS', P .. 'lines:' .. pool) == 0 and first_free(pool, model)
if not acct and ARGV[11] == '' and not usable(pool, model) then return { 'unusable', {} } end
local ticket = tick()
local deadline = now + tonumber(ARGV[7])
redis.call('HSET', job_key(id), 'id', id, 'tenant', ARGV[4], 'spec', ARGV[5], 'secret', ARGV[6],
  'pool', pool, 'model', model, 'kind', ARGV[10], 'upstream', ARGV[14], 'own', ARGV[11] ~= '' and 1 or 0, 'state', 'queued', 'phase', '',
  'ticket', ticket, 'ver', acct and 2 or 0, 'fence', 0, 'bell', acct and 1 or 0, 'tries', 0, 'account', acct or '', 'owner', '',
  'created', now, 'deadline', deadline, 'harvest_by', deadline + tonumber(ARGV[15]), 'retention', ARGV[8], 'expires', deadline + tonumber(ARGV[8]))
remember(id, ARGV[17], ARGV[18], ARGV[19], tonumber(ARGV[20]), tonumber(ARGV[22]))
redis.call('ZADD', P .. 'deadlines', deadline, id)
if ARGV[16] ~= '0' then redis.call('ZADD', P .. 'cancels', now + tonumber(ARGV[16]), id) end
if not acct then
  event(id, 'job.queued')
  stand(id, pool, model, ticket)
  return { 'ok', admit(pool, 16, grace, {}), now, '' }
end
redis.call('XADD', P .. 'ev:' .. id, '1-0', 'type', 'job.queued', 'at', now, 'state', 'queued', 'phase', '')
redis.call('XADD', P .. 'ev:' .. id, '2-0', 'type', 'job.admitted', 'at', now, 'state', 'queued', 'phase', '')
redis.call('PUBLISH', P .. 'news', id .. ' 2')
redis.call('ZADD', P .. 'pool:' .. pool, ticket, acct)
redis.call('SADD', P .. 'slots:' .. acct, id)
redis.call('ZADD', P .. 'bells', now + grace, id)
return { 'ok', { { id, 'submit', 1 } }, now, acct }
