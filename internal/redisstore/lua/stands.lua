-- stands tells how the accounts of a pool stand.
-- ARGV: pool
-- Returns what standing does.
return standing(ARGV[1])
