-- rejected takes a submission back that created nothing: the account cools,
-- its slot goes to others, and the job returns to its place in the line.
-- ARGV: id, token that began it or holds the lease, fence, cause, scope ("account" or "model"),
--       cooldown ms (0: doubling from the floor; -1: parked), floor ms, cap ms,
--       most tries (0: as long as the deadline allows), grace ms
-- Returns {"ok", bells}, {"canceled", bells} or {"over", bells} as not_sent does,
-- {"spent", {}} after the last try or when no account is left that could serve
-- the job (the caller fails it), or {"stale", {}}.
local id = ARGV[1]
local grace = tonumber(ARGV[10])
local j = get(id, 'account', 'pool', 'model', 'ticket', 'own')
if not may_settle(id, ARGV[2], ARGV[3]) then return { 'stale', {} } end
local acct = P .. 'acct:' .. j[1]
local cool = tonumber(ARGV[6])
if cool < 0 and j[5] == '1' then return { 'spent', {} } end -- the caller's own: there is nobody to park it for
local field = ARGV[5] == 'model' and ('cool:' .. j[3]) or 'cool'
local cools = tonumber(redis.call('HGET', acct, field) or '0') or 0
if cool == 0 and cools <= now then -- many refusals at once are one strike
  local strikes = redis.call('HINCRBY', acct, 'strikes', 1)
  cool = math.min(tonumber(ARGV[8]), tonumber(ARGV[7]) * 2 ^ math.min(strikes - 1, 20))
end
local ends = cool < 0 and PARKED or now + math.floor(cool)
if cools < ends then
  redis.call('HSET', acct, field, string.format('%.0f', ends), 'cause', ARGV[4])
end
local word, pool = unsent(id, grace)
if word then return { word, pool and admit(pool, 16, grace, {}) or {} } end
local most = tonumber(ARGV[9])
if most > 0 and redis.call('HINCRBY', job_key(id), 'tries', 1) >= most then return { 'spent', {} } end
if not usable(j[2], j[3]) then return { 'spent', {} } end
free(id)
redis.call('ZREM', P .. 'bells', id)
redis.call('HSET', job_key(id), 'state', 'queued', 'owner', '', 'account', '')
event(id, 'job.progress')
stand(id, j[2], j[3], j[4])
return { 'ok', admit(j[2], 16, grace, {}) }
