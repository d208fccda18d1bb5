-- earlier finds the job that a request has made before, and makes its caller the
-- newest one of that job.
-- ARGV: idempotency key ("" for none), digest of the request, absorb ms (0: no
--       retry, or none is absorbed)
-- The key alone decides where there is one.
-- Returns {id, digest of the job's request, turn of this caller (0: the job's
-- record is gone)}, or {} when the request is new.
local id, digest = keyed(ARGV[1])
if not id and ARGV[1] == '' then id, digest = absorbing(ARGV[2], tonumber(ARGV[3])), ARGV[2] end
if not id then return {} end
local turn = 0
if digest == ARGV[2] and redis.call('EXISTS', job_key(id)) == 1 then
  turn = redis.call('HINCRBY', job_key(id), 'turn', 1)
  if ARGV[1] == '' then redis.call('HSET', job_key(id), 'caller', '') end
end
return { id, digest, turn }
