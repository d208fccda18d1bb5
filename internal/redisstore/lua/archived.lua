-- archived says that a final job's record is in the bucket, as it was read. If it
-- has changed since, the bucket may hold what is old, also if somebody has put
-- the newer one there before: it waits for the archive again.
-- ARGV: id, version and harvest of the record
-- Returns "ok", or "gone" when the job was removed in the meantime: then it must
-- not stay in the bucket.
local id = ARGV[1]
local j = get(id, 'ver', 'harvest', 'gone')
if j[3] or redis.call('EXISTS', P .. 'gone:' .. id) == 1 then
  redis.call('ZREM', P .. 'archive', id)
  return 'gone'
end
if j[1] and (j[1] ~= ARGV[2] or (j[2] or '') ~= ARGV[3]) then
  redis.call('ZADD', P .. 'archive', now, id)
else
  redis.call('ZREM', P .. 'archive', id)
end
return 'ok'
