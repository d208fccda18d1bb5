-- expect notes by when a job was first said to be done.
-- ARGV: id, ms
-- Returns 1 if it was not said before.
if redis.call('EXISTS', job_key(ARGV[1])) == 0 then return 0 end
return redis.call('HSETNX', job_key(ARGV[1]), 'eta90', ARGV[2])
