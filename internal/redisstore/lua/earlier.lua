-- earlier finds the job that a request has made before, and makes its caller the
-- newest one of that job.
-- ARGV: idempotency key ("" for none), digest of the request, absorb ms (0: no
--       retry, or none is absorbed), late ms: how long ago a first try
--       came (0: it is none, or is not counted)
-- Returns {id, digest of the job's request, turn of this caller (0: the job's
-- record is gone; -1: this is a late try, whose caller has come back before)},
-- or {} when the request is new.
local absorb = tonumber(ARGV[3])
local id, digest = before(ARGV[1], ARGV[2], absorb, tonumber(ARGV[4]))
if not id then return {} end
if digest ~= ARGV[2] or redis.call('EXISTS', job_key(id)) == 0 then return { id, digest, 0 } end
if ARGV[1] == '' and absorb <= 0 then
  redis.call('HINCRBY', job_key(id), 'owed', -1)
  return { id, digest, -1 }
end
if ARGV[1] == '' then redis.call('HSET', job_key(id), 'caller', '') end
return { id, digest, redis.call('HINCRBY', job_key(id), 'turn', 1) }
