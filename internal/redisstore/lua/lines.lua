-- Waiting: fair between tenants, by start-time fair queueing. A job's tag is the
-- turn at which it is served: no earlier than the pool's present turn, and than
-- the end of what its tenant has asked for before. So a tenant's thousand jobs
-- stand behind each other, and delay another tenant's first by one.
--
--   lanes:<pool>        set    models that jobs wait for
--   lane:<pool>|<model> zset   waiting jobs, by tag
--   pools               set    pools that have lanes
--   shares:<pool>       zset   tenants, by the tag that their next job has at least
--   tenant:<tenant>     hash   running, per_minute: limits (0: none); rate_at
--   waits:<tenant>      set    its jobs that wait
--   waiting             set    tenants of whom jobs have waited lately
--   busy:<tenant>       set    its jobs that stand in a lane or hold a slot
--   held:<tenant>       zset   its jobs over its own limits, by when they came
--   tenants             zset   tenants with held jobs, by when to look again
--   tick                string counter behind what comes first

local function tick() return redis.call('INCR', P .. 'tick') end

local function lane_of(pool, model) return P .. 'lane:' .. pool .. '|' .. model end

-- turn is the tag of what was served last.
local function turn(pool) return tonumber(redis.call('HGET', P .. 'state:' .. pool, 'turn') or '0') or 0 end

-- tag gives a tenant's next job its place. Jobs on a caller's own account have
-- nobody to be fair to.
local function tag(pool, tenant, cost, bias)
  if not shared(pool) then return tick() end
  local shares = P .. 'shares:' .. pool
  local start = math.max(turn(pool), tonumber(redis.call('ZSCORE', shares, tenant) or '0'))
  redis.call('ZADD', shares, start + cost, tenant)
  return start + bias
end

-- wait notes that a job waits.
local function wait(id, tenant)
  redis.call('SADD', P .. 'waits:' .. tenant, id)
  redis.call('SADD', P .. 'waiting', tenant)
end

-- enter puts a job into its lane; with a tag from before, at its old place.
local function enter(id, pool, model, tenant, at)
  redis.call('HSET', job_key(id), 'tag', at)
  redis.call('ZADD', lane_of(pool, model), at, id)
  redis.call('SADD', P .. 'lanes:' .. pool, model)
  redis.call('SADD', P .. 'pools', pool)
  wait(id, tenant)
  redis.call('SADD', P .. 'busy:' .. tenant, id)
end

-- let_in tells whether a tenant's limits let another job in, and counts it; if
-- not, when to look again (nil: when one of its jobs ends).
local function let_in(tenant)
  local key = P .. 'tenant:' .. tenant
  local t = redis.call('HMGET', key, 'running', 'per_minute', 'rate_at')
  local running, rate = tonumber(t[1] or '0') or 0, tonumber(t[2] or '0') or 0
  if running > 0 and redis.call('SCARD', P .. 'busy:' .. tenant) >= running then return false end
  if rate > 0 then
    local at = math.max(tonumber(t[3] or '0') or 0, now)
    if at > now then return false, at end
    redis.call('HSET', key, 'rate_at', text(at + math.ceil(60000 / rate)))
  end
  return true
end

local stirred = {} -- pools that got jobs which were held

-- promote lets a tenant's held jobs in, as far as its limits allow.
local function promote(tenant)
  local held = P .. 'held:' .. tenant
  local id = redis.call('ZRANGE', held, 0, 0)[1]
  while id do
    local ok, again = let_in(tenant)
    if not ok then
      redis.call('ZADD', P .. 'tenants', again or now + 5000, tenant)
      return
    end
    redis.call('ZREM', held, id)
    local j = get(id, 'pool', 'model', 'cost', 'bias')
    if j[1] then
      enter(id, j[1], j[2], tenant, tag(j[1], tenant, tonumber(j[3]), tonumber(j[4])))
      stirred[j[1]] = true
    end
    id = redis.call('ZRANGE', held, 0, 0)[1]
  end
  redis.call('ZREM', P .. 'tenants', tenant)
end

-- stand lets a new job wait.
local function stand(id, pool, model, tenant, cost, bias)
  if redis.call('EXISTS', P .. 'held:' .. tenant) == 0 then
    local ok, again = let_in(tenant)
    if ok then return enter(id, pool, model, tenant, tag(pool, tenant, cost, bias)) end
    redis.call('ZADD', P .. 'tenants', again or now + 5000, tenant)
  end
  redis.call('ZADD', P .. 'held:' .. tenant, tick(), id)
  wait(id, tenant)
end

-- wait_no_more takes a job out of its line.
local function wait_no_more(id)
  local j = get(id, 'tenant', 'pool', 'model')
  if not j[1] then return end
  redis.call('ZREM', lane_of(j[2], j[3]), id)
  redis.call('ZREM', P .. 'held:' .. j[1], id)
  redis.call('SREM', P .. 'waits:' .. j[1], id)
end

-- leave takes a job out of everything that its tenant's limits count.
local function leave(id)
  local j = get(id, 'tenant')
  if not j[1] then return end
  wait_no_more(id)
  if redis.call('SREM', P .. 'busy:' .. j[1], id) == 1 and redis.call('EXISTS', P .. 'held:' .. j[1]) == 1 then promote(j[1]) end
end

-- able tells whether a pool serves a model now, if perhaps not at once, given when
-- it does the soonest: to be busy is no reason to go elsewhere.
local function able(pool, at) return at and at <= now and not closed(pool) end

-- best_place gives the first of some places (JSON) that serves now, or else the
-- first that will in time; nil if there is none. It tells too whether it is one that
-- serves now. The pool `but` does not count.
local function best_place(places, kind, deadline, but)
  local later
  for _, p in ipairs(cjson.decode(places)) do
    if p.pool ~= but then
      local at = soonest(p.pool, p.model, kind)
      if at and at < deadline then
        if able(p.pool, at) then return p, true end
        later = later or p
      end
    end
  end
  return later, false
end

-- elsewhere moves a job for which nothing was created to another of its places, and
-- tells which pool it waits in now. With `must` one where it has to wait will do;
-- else it stays (nil) unless the other one serves now. Over its tenant's limits it
-- stays as well.
local function elsewhere(id, must)
  local j = get(id, 'also', 'pool', 'kind', 'deadline', 'tenant', 'cost', 'bias', 'account', 'unsure')
  if (j[1] or '') == '' or j[9] then return nil end
  local p, serves = best_place(j[1], j[3], tonumber(j[4]), j[2])
  if not p or not (must or serves) then return nil end
  refund(j[8], j[3])
  give_back(id)
  local held = redis.call('ZSCORE', P .. 'held:' .. j[5], id)
  if not held then wait_no_more(id) end
  redis.call('ZREM', P .. 'bells', id)
  redis.call('HSET', job_key(id), 'state', 'queued', 'owner', '', 'account', '', 'tries', 0, 'pool', p.pool, 'model', p.model, 'upstream', p.upstream)
  event(id, 'job.progress')
  if held then return p.pool end
  enter(id, p.pool, p.model, j[5], tag(p.pool, j[5], tonumber(j[6]), tonumber(j[7])))
  return p.pool
end

-- place gives a job at the head of a lane its slot.
local function place(id, pool, acct, at, grace)
  local j = get(id, 'model', 'kind', 'tenant')
  redis.call('ZREM', lane_of(pool, j[1]), id)
  redis.call('SREM', P .. 'waits:' .. j[3], id)
  if shared(pool) and at > acct.pool.turn then
    redis.call('HSET', P .. 'state:' .. pool, 'turn', at)
    redis.call('ZREMRANGEBYSCORE', P .. 'shares:' .. pool, '-inf', at)
  end
  use(pool, acct, id, j[2])
  redis.call('HSET', job_key(id), 'account', acct.id, 'admitted', now)
  event(id, 'job.admitted')
  return ring_first(id, 'submit', grace)
end

-- heads gives the first job of each lane of a pool: {id, tag, model, kind}.
local function heads(pool)
  local out = {}
  for _, model in ipairs(redis.call('SMEMBERS', P .. 'lanes:' .. pool)) do
    local head = redis.call('ZRANGE', lane_of(pool, model), 0, 0, 'WITHSCORES')
    if head[1] then
      out[#out + 1] = { head[1], tonumber(head[2]), model, get(head[1], 'kind')[1] }
    else
      redis.call('SREM', P .. 'lanes:' .. pool, model)
    end
  end
  if #out == 0 then redis.call('SREM', P .. 'pools', pool) end
  return out
end

-- next_of gives the place in a list of heads of the one whose turn is next.
local function next_of(list)
  local best
  for i, h in ipairs(list) do
    if not best or h[2] < list[best][2] then best = i end
  end
  return best
end

-- serve gives free slots of a pool to the jobs whose turn it is, and rings for
-- each, until `most` bells in all or until no lane can go on.
local function serve(pool, most, grace, bells)
  if #bells >= most or closed(pool) then return end
  local list = heads(pool)
  while #list > 0 and #bells < most do
    local i = next_of(list)
    local h = list[i]
    local acct = first_free(pool, h[3], h[4])
    if acct then
      bells[#bells + 1] = place(h[1], pool, acct, h[2], grace)
      local head = redis.call('ZRANGE', lane_of(pool, h[3]), 0, 0, 'WITHSCORES')
      if head[1] then
        list[i] = { head[1], tonumber(head[2]), h[3], h[4] }
      else
        table.remove(list, i)
      end
    else
      table.remove(list, i)
    end
  end
end

-- admit serves a pool, and those that jobs were let into on the way.
local function admit(pool, most, grace, bells)
  serve(pool, most, grace, bells)
  for other in pairs(stirred) do
    stirred[other] = nil
    if other ~= pool then serve(other, most, grace, bells) end
  end
  return bells
end

-- free gives a job's slot back, with all that it counts for, and tells whether it
-- had one.
local function free(id)
  local had = give_back(id)
  leave(id)
  return had
end
