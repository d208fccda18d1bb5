-- archived says that a final job's record is in the bucket, as it was read. If it
-- has changed since, the bucket may hold what is old, also if somebody has put
-- the newer one there before: it waits for the archive again.
-- ARGV: id, version and harvest of the record
local id = ARGV[1]
local j = get(id, 'ver', 'harvest')
if j[1] and (j[1] ~= ARGV[2] or (j[2] or '') ~= ARGV[3]) then return redis.call('ZADD', P .. 'archive', now, id) end
return redis.call('ZREM', P .. 'archive', id)
