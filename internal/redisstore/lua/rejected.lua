-- rejected takes a submission back that created nothing: the account cools,
-- its slot goes to others, and the job returns to its place in the line.
-- ARGV: id, token that began it or holds the lease, fence, cause, scope ("account" or "model"),
--       cooldown ms (0: three times as long as the last, from the floor; -1: parked),
--       floor ms, cap ms, most tries (0: as long as the deadline allows), grace ms,
--       what the upstream said, "1" if many accounts that fail so at once are not to blame
-- Returns {"ok", bells}, {"canceled", bells} or {"over", bells} as not_sent does,
-- {"spent", {}} after the last try or when no account could serve the job before
-- its deadline (the caller fails it), or {"stale", {}}.
local id, cause = ARGV[1], ARGV[4]
local grace, ms, floor, cap = tonumber(ARGV[10]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local j = get(id, 'account', 'pool', 'model', 'tag', 'own', 'kind', 'deadline', 'tenant')
if not may_settle(id, ARGV[2], ARGV[3]) then return { 'stale', {} } end
if ms < 0 and j[5] == '1' then return { 'spent', {} } end -- the caller's own: there is nobody to park it for
if ARGV[12] ~= '1' or not alike(j[2], j[1], cause, floor, cap) then
  cool(j[1], ARGV[5] == 'model' and j[3] or '', cause, ms, floor, cap, ARGV[11])
end
local word, pool = unsent(id, grace)
if word then return { word, pool and admit(pool, 16, grace, {}) or {} } end
local again = soonest(j[2], j[3], j[6])
local here = again and again < tonumber(j[7])
if not here or not able(j[2], again) then
  local other = elsewhere(id, not here)
  if other then return { 'ok', admit(other, 16, grace, admit(j[2], 16, grace, {})) } end
end
local most = tonumber(ARGV[9])
if most > 0 and redis.call('HINCRBY', job_key(id), 'tries', 1) >= most then return { 'spent', {} } end
if not here then return { 'spent', {} } end
refund(j[1], j[6])
give_back(id)
redis.call('ZREM', P .. 'bells', id)
redis.call('HSET', job_key(id), 'state', 'queued', 'owner', '', 'account', '')
event(id, 'job.progress')
enter(id, j[2], j[3], j[8], tonumber(j[4]) or turn(j[2]))
return { 'ok', admit(j[2], 16, grace, {}) }
