-- cool notes a refusal that no job met: its account is left alone.
-- ARGV: pool, account, model ("" for all of the account), cause, cooldown ms (0: three
--       times as long as the last, from the floor; -1: parked), floor ms, cap ms, what
--       the upstream said, "1" if many accounts that fail so at once are not to blame
-- Returns what standing does, of what is so now.
local pool, acct, cause = ARGV[1], ARGV[2], ARGV[4]
local ms, floor, cap = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
if redis.call('ZSCORE', P .. 'pool:' .. pool, acct) and not (ARGV[9] == '1' and alike(pool, acct, cause, floor, cap)) then
  cool(acct, ARGV[3], cause, ms, floor, cap, ARGV[8])
end
return standing(pool)
