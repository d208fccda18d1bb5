-- sweep heals what others left: it rings again for jobs whose lease lapsed,
-- ends jobs whose deadline passed, cancels those whose time for that has come,
-- gives harvests up, and admits what can be admitted.
-- ARGV: most jobs of each sort, grace ms, failure of a passed deadline, the
--       same for a job whose submission is on the wire
-- Returns {bells of lapsed leases, ids of jobs that are final now, bells of
-- admitted jobs, ids of jobs whose harvest was given up}.
local most, grace = tonumber(ARGV[1]), tonumber(ARGV[2])
local again, ended, admitted, given_up, pools = {}, {}, {}, {}, {}

-- tenants of whom nothing waits are no longer listed
local idle = redis.call('SRANDMEMBER', P .. 'waiting')
if idle and redis.call('EXISTS', P .. 'waits:' .. idle) == 0 then redis.call('SREM', P .. 'waiting', idle) end

local function due(set) return redis.call('ZRANGEBYSCORE', P .. set, '-inf', now, 'LIMIT', 0, most) end

-- expire ends a job at its deadline. What the upstream does for it goes on. A
-- caller who has asked for its end is told that, and not that it took too long.
local function expire(id, state)
  local rest = state ~= 'queued' and state or ''
  local c = get(id, 'cancel_asked', 'cancel_outcome')
  if c[1] and not c[2] then
    cancel_as(id, 'upstream_unsupported', 'possible')
    return finish(id, 'canceled', 'job.canceled', grace, rest, 0)
  end
  local why = state == 'submitting' and ARGV[4] or ARGV[3]
  redis.call('HSET', job_key(id), 'failure', why)
  return finish(id, 'failed', 'job.failed', grace, rest, 0, 'failure', why)
end

for _, id in ipairs(due('deadlines')) do
  local state = get(id, 'state')[1]
  if not state or final(state) then
    redis.call('ZREM', P .. 'deadlines', id)
  else
    local pool = expire(id, state)
    if pool then pools[pool] = true end
    ended[#ended + 1] = id
  end
end
for _, id in ipairs(due('cancels')) do
  local word, pool = cancel(id, grace)
  if pool then pools[pool] = true end
  if word == 'canceled' then ended[#ended + 1] = id end
  redis.call('ZREM', P .. 'cancels', id)
end
for _, id in ipairs(due('harvests')) do
  local j = get(id, 'harvest', 'owner')
  local held = tonumber(redis.call('ZSCORE', P .. 'bells', id) or '0')
  if j[1] == 'mirroring' and j[2] ~= '' and held > now then -- it is being copied this moment
    redis.call('ZADD', P .. 'harvests', held, id)
  else
    local pool = over(id)
    if pool then pools[pool] = true end
    redis.call('ZADD', P .. 'archive', now + grace, id)
    given_up[#given_up + 1] = id
  end
end
for _, id in ipairs(due('bells')) do
  local j = get(id, 'state', 'harvest')
  local stage = doing(j[1], j[2])
  if stage == 'queued' or stage == 'submitting' then
    again[#again + 1] = ring_again(id, 'submit', grace)
  elseif stage == 'mirroring' then
    again[#again + 1] = ring_again(id, 'mirror', grace)
  else
    redis.call('ZREM', P .. 'bells', id)
  end
end
for _, tenant in ipairs(due('tenants')) do promote(tenant) end
for pool in pairs(stirred) do pools[pool] = true end
look_at_all = true
for _, pool in ipairs(redis.call('SRANDMEMBER', P .. 'pools', 32)) do pools[pool] = true end
for pool in pairs(pools) do admit(pool, #admitted + 16, grace, admitted) end
return { again, ended, admitted, given_up }
