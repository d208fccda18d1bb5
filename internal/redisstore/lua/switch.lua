-- switch is an operator's word on an account.
-- ARGV: account, "enable", "disable", "drain" or "clear", grace ms
-- Returns {"ok", bells}, or {"gone", {}} if there is no such account.
local id, what = ARGV[1], ARGV[2]
local acct = P .. 'acct:' .. id
local pool = redis.call('HGET', acct, 'pool')
if not pool or not redis.call('ZSCORE', P .. 'pool:' .. pool, id) then return { 'gone', {} } end
if what == 'clear' then
  revive(id, 'An operator has cleared it.')
else
  local off = what == 'enable' and '' or what
  if (redis.call('HGET', acct, 'off') or '') ~= off then
    redis.call('HSET', acct, 'off', off)
    remark(id, what, '', '', 0, '')
  end
end
return { 'ok', admit(pool, 16, tonumber(ARGV[3]), {}) }
