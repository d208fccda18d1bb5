-- works notes that an account which was in doubt has answered.
-- ARGV: pool, account
-- Returns what standing does, of what is so now.
if redis.call('ZSCORE', P .. 'pool:' .. ARGV[1], ARGV[2]) then recover(ARGV[2], ARGV[1]) end
return standing(ARGV[1])
