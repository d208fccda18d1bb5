-- forget marks a final job as removed, for its caller.
-- ARGV: id, tenant, secret, ms until it would have expired (of a job that is in the
--       archive alone), ms after which the workers remove it unless that was done
-- Returns "live" for a job that is not final; "later" for one whose harvest is not
-- over: it is removed after that, with whatever still comes; or "now".
local id = ARGV[1]
local j = get(id, 'state', 'harvest')
if not j[1] then
  remember(id, ARGV[2], ARGV[3], math.max(tonumber(ARGV[4]), math.min(3600000, REMEMBERED)))
  redis.call('ZADD', P .. 'expiries', now + tonumber(ARGV[5]), id)
  return 'now'
end
if not final(j[1]) then return 'live' end
mark(id)
if (j[2] or '') ~= '' then
  redis.call('HSET', job_key(id), 'expires', now, 'retention', 0)
  return 'later'
end
redis.call('ZADD', P .. 'expiries', now + tonumber(ARGV[5]), id)
return 'now'
