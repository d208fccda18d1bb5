-- sweep heals what others left: it rings again for jobs whose lease lapsed,
-- ends jobs whose deadline passed, cancels those whose time for that has come,
-- gives harvests up, takes those that wait in vain out of their lines, and admits
-- what can be admitted. It also looks over a part of the census.
-- ARGV: most jobs of each sort, grace ms, failure of a passed deadline, the
--       same for a job whose submission is on the wire, failure of a job that
--       nobody can serve, the same for one that may have been paid for before
-- Returns {bells of lapsed leases, ids of jobs that are final now, bells of
-- admitted jobs, ids of jobs whose harvest was given up, ids of jobs that nobody
-- could have served and that are final now, ids of those that wait elsewhere now}.
local most, grace = tonumber(ARGV[1]), tonumber(ARGV[2])
local again, ended, admitted, given_up, pools = {}, {}, {}, {}, {}
local stranded, moved = {}, {}

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

local function take(id)
  if not in_vain(id) then return false end
  local pool = strand(id, grace, ARGV[5], ARGV[6])
  if pool then
    pools[pool] = true
    moved[#moved + 1] = id
    return not redis.call('ZSCORE', P .. 'held:' .. get(id, 'tenant')[1], id)
  end
  stranded[#stranded + 1] = id
  return true
end

recount(math.min(most, 100))

local left = most
for _, tenant in ipairs(due('tenants')) do
  promote(tenant)
  left = left - look_over(P .. 'held:' .. tenant, left, P .. 'tenant:' .. tenant, 'looked', take)
end
local waited_for = redis.call('SRANDMEMBER', P .. 'pools', 32)
for _, pool in ipairs(waited_for) do
  pools[pool] = true
  for _, model in ipairs(judged(pool) and redis.call('SMEMBERS', P .. 'lanes:' .. pool) or {}) do
    if not serving(pool, model) then
      left = left - look_over(lane_of(pool, model), left, P .. 'state:' .. pool, 'looked:' .. model, take)
    end
  end
end
for pool in pairs(stirred) do pools[pool] = true end
look_at_all = true
for pool in pairs(pools) do admit(pool, #admitted + 16, grace, admitted) end
return { again, ended, admitted, given_up, stranded, moved }
