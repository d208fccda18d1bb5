-- rejected takes a submission back that created nothing: the account cools,
-- its slot goes to others, and the job returns to its place in the line.
-- ARGV: id, token, fence, cause, scope ("account" or "model"), cooldown ms (0:
--       doubling from the floor; -1: parked), floor ms, cap ms, most tries, grace ms
-- Returns {"ok", bells}, {"spent", {}} after the last try or when no account
-- is left that could serve the job (the caller fails it), or {"stale", {}}.
local id = ARGV[1]
local grace = tonumber(ARGV[10])
local j = get(id, 'state', 'owner', 'fence', 'account', 'pool', 'model', 'ticket', 'own')
if j[1] ~= 'submitting' or j[2] ~= ARGV[2] or j[3] ~= ARGV[3] then return { 'stale', {} } end
local acct = P .. 'acct:' .. j[4]
local cool = tonumber(ARGV[6])
if cool == 0 then
  local strikes = redis.call('HINCRBY', acct, 'strikes', 1)
  cool = math.min(tonumber(ARGV[8]), tonumber(ARGV[7]) * 2 ^ math.min(strikes - 1, 20))
end
if cool < 0 and j[8] == '1' then return { 'spent', {} } end -- the caller's own: there is nobody to park it for
local field = ARGV[5] == 'model' and ('cool:' .. j[6]) or 'cool'
local ends = cool < 0 and PARKED or now + math.floor(cool)
if (tonumber(redis.call('HGET', acct, field) or '0') or 0) < ends then
  redis.call('HSET', acct, field, string.format('%.0f', ends), 'cause', ARGV[4])
end
local tries = redis.call('HINCRBY', job_key(id), 'tries', 1)
if tries >= tonumber(ARGV[9]) or not usable(j[5], j[6]) then return { 'spent', {} } end
free(id)
redis.call('ZREM', P .. 'bells', id)
redis.call('HSET', job_key(id), 'state', 'queued', 'owner', '', 'account', '')
stand(id, j[5], j[6], j[7])
return { 'ok', admit(j[5], 16, grace, {}) }
