-- finish writes the final state, or ends the harvest of a job that is final.
-- ARGV: id, token, state, failure ("" for none), harvest: what the upstream may
--       still be doing for a failed job ("" for nothing), grace ms, how long
--       after the submission that may be where nobody can ask, in ms, "1" if
--       nobody knows whether anything was made
-- The token must hold the lease, or have begun the submission under way.
-- Returns {"ok", bells}; {"over", bells} when the job was final and stays what
-- it is; or {"stale", {}}.
local id, token, state = ARGV[1], ARGV[2], ARGV[3]
local grace, blind = tonumber(ARGV[6]), tonumber(ARGV[7])
local j = get(id, 'state', 'owner', 'harvest', 'settled_by')
local stage = doing(j[1], j[3])
local what = state .. ':' .. ARGV[5]
local again = told(j[4], token, what)
if again then return { again, {} } end
if stage == '' then return { 'stale', {} } end
if j[2] ~= token and not may_settle(id, token) then return { 'stale', {} } end
local made = state == 'succeeded'
local unsure = ARGV[8] == '1'
may_be_made = unsure
if not final(j[1]) then
  settled_by(id, token, what, 'ok')
  cancel_as(id, 'too_late', made and 'charged' or (unsure or ARGV[5] ~= '') and 'possible' or 'none')
  local extra = {}
  if ARGV[4] ~= '' then
    redis.call('HSET', job_key(id), 'failure', ARGV[4])
    extra = { 'failure', ARGV[4] }
  end
  if made then took(id) end
  local pool = finish(id, state, 'job.' .. state, grace, ARGV[5], blind, unpack(extra))
  return { 'ok', pool and admit(pool, 16, grace, {}) or {} }
end
if stage == ARGV[5] then return { 'stale', {} } end
if j[1] == 'canceled' and ARGV[5] == '' and not unsure then
  redis.call('HSET', job_key(id), 'cancel_billing', (made or stage == 'mirroring') and 'charged' or 'none')
end
local word, pool = made and j[1] == 'failed' and 'ok' or 'over', nil
settled_by(id, token, what, word)
local ends = ARGV[5] ~= '' and harvest_end(id, ARGV[5], blind) or 0
if word == 'ok' then
  redis.call('HSET', job_key(id), 'recovered', 1)
  redis.call('HDEL', job_key(id), 'failure')
  redis.call('ZREM', P .. 'harvests', id)
  pool = finish(id, state, 'job.recovered', grace, '', 0)
elseif ends > now then
  harvest(id, ARGV[5], ends)
  unlease(id)
else
  pool = over(id)
  redis.call('ZADD', P .. 'archive', now + grace, id)
end
return { word, pool and admit(pool, 16, grace, {}) or {} }
