-- look leaves an observer's mark: a number higher than all before it. Marks of
-- observers that have not looked for long are forgotten.
-- ARGV: observer, marks after which one is forgotten
-- Returns {this mark, the observer's mark before it: 0 for none}.
local marks = P .. 'marks'
local before = tonumber(redis.call('ZSCORE', marks, ARGV[1]) or '0')
local mark = redis.call('INCR', P .. 'mark')
redis.call('ZADD', marks, mark, ARGV[1])
redis.call('ZREMRANGEBYSCORE', marks, '-inf', mark - tonumber(ARGV[2]))
return { mark, before }
