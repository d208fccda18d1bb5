-- sweep heals what others left: it rings again for jobs whose lease lapsed,
-- ends jobs whose deadline passed, and admits what can be admitted.
-- ARGV: most jobs of each sort, grace ms, failure of a passed deadline, the
--       same for a job whose submission is on the wire
-- Returns {bells of lapsed leases, ids of expired jobs, bells of admitted jobs}.
local most, grace = tonumber(ARGV[1]), tonumber(ARGV[2])
local again, expired, admitted, pools = {}, {}, {}, {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'deadlines', '-inf', now, 'LIMIT', 0, most)) do
  local state = get(id, 'state')[1]
  if not state or final(state) then
    redis.call('ZREM', P .. 'deadlines', id)
  else
    local why = state == 'submitting' and ARGV[4] or ARGV[3]
    redis.call('HSET', job_key(id), 'failure', why)
    local pool = finish(id, 'failed', 'job.failed', grace, 'failure', why)
    if pool then pools[pool] = true end
    expired[#expired + 1] = id
  end
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'bells', '-inf', now, 'LIMIT', 0, most)) do
  local state = get(id, 'state')[1]
  if state == 'queued' or state == 'submitting' then
    again[#again + 1] = ring_again(id, 'submit', grace)
  elseif state == 'mirroring' then
    again[#again + 1] = ring_again(id, 'mirror', grace)
  else
    redis.call('ZREM', P .. 'bells', id)
  end
end
for _, pool in ipairs(redis.call('SRANDMEMBER', P .. 'pools', 32)) do pools[pool] = true end
for pool in pairs(pools) do admit(pool, #admitted + 16, grace, admitted) end
return { again, expired, admitted }
