-- removed says that the objects of a job that is marked are out of the bucket. If
-- something is being made for it again, it waits for that.
-- ARGV: id
local id = ARGV[1]
local j = get(id, 'tenant', 'secret', 'gone', 'harvest')
redis.call('ZREM', P .. 'expiries', id)
if not j[3] or (j[4] or '') ~= '' then return 0 end
redis.call('DEL', job_key(id), P .. 'ev:' .. id)
redis.call('ZREM', P .. 'archive', id)
remember(id, j[1], j[2], tonumber(j[3]) - now)
return 1
