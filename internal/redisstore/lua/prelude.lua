-- Begins every script. KEYS[1] is the prefix of all our keys, with its hash
-- tag ("{tt}:"), so that every key a script touches lives on one node, and
-- Redis routes the script there.
--
--   job:<id>        hash    the record
--   ev:<id>         stream  the event log; the entry "7-0" is event 7
--   cred:<id>       string  the caller's sealed credential
--   line:<line>     zset    waiting jobs of one pool and model, by ticket
--   lines:<pool>    zset    lines with waiting jobs, least recently served first
--   pools           set     pools that have lines
--   pool:<pool>     zset    accounts of a pool, least recently used first
--   acct:<account>  hash    limits and state of an account
--   slots:<account> set     jobs that hold a slot
--   bells           zset    jobs that a stage must act on, by lease expiry
--   polls           zset    running jobs, by lease expiry
--   deadlines       zset    jobs that are not final, by deadline
--   archive         zset    final jobs whose record is not yet in the bucket, by due time
--   tick            string  counter behind tickets and turns
--   news            channel "<id> <seq>" after every event
local P = KEYS[1]
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)

local PARKED = 9007199254740991 -- a cooldown without an end

local function job_key(id) return P .. 'job:' .. id end
local function get(id, ...) return redis.call('HMGET', job_key(id), ...) end
local function tick() return redis.call('INCR', P .. 'tick') end
local function final(state) return state == 'succeeded' or state == 'failed' or state == 'canceled' end

-- event appends to a job's log and wakes whoever waits. The job's state and
-- phase must be written before. Extra arguments are further fields.
local function event(id, kind, ...)
  local seq = redis.call('HINCRBY', job_key(id), 'ver', 1)
  local s = get(id, 'state', 'phase')
  redis.call('XADD', P .. 'ev:' .. id, seq .. '-0', 'type', kind, 'at', now, 'state', s[1], 'phase', s[2] or '', ...)
  redis.call('PUBLISH', P .. 'news', id .. ' ' .. seq)
end

-- ring counts a bell of a job and gives it grace ms until the sweeper rings
-- again; twice as much with each further bell, up to 16 times, so that jobs
-- which wait for a busy stage do not fill its queue with bells. The caller puts
-- the task into Asynq.
local function ring(id, stage, grace)
  redis.call('HSET', job_key(id), 'owner', '')
  local bell = redis.call('HINCRBY', job_key(id), 'bell', 1)
  redis.call('ZADD', P .. 'bells', now + grace * 2 ^ math.min(bell - 1, 4), id)
  return { id, stage, bell }
end

-- serves tells whether an account, now or after a cooldown that will end, may
-- run a model; and until when it is cooling.
local function serves(acct, model)
  local a = redis.call('HMGET', P .. 'acct:' .. acct, 'enabled', 'models', 'cool', 'cool:' .. model)
  if a[1] ~= '1' then return false, 0 end
  if a[2] and a[2] ~= '' and not string.find(a[2], '\n' .. model .. '\n', 1, true) then return false, 0 end
  local until_ms = math.max(tonumber(a[3] or '0') or 0, tonumber(a[4] or '0') or 0)
  return until_ms < PARKED, until_ms
end

-- pick gives the least recently used account of a pool with a free slot for a
-- model, or nil.
local function pick(pool, model)
  for _, acct in ipairs(redis.call('ZRANGE', P .. 'pool:' .. pool, 0, -1)) do
    local ok, cooling = serves(acct, model)
    if ok and cooling <= now then
      local most = tonumber(redis.call('HGET', P .. 'acct:' .. acct, 'max'))
      if redis.call('SCARD', P .. 'slots:' .. acct) < most then return acct end
    end
  end
  return nil
end

-- usable tells whether any account of a pool could ever serve a model.
local function usable(pool, model)
  for _, acct in ipairs(redis.call('ZRANGE', P .. 'pool:' .. pool, 0, -1)) do
    local ok = serves(acct, model)
    if ok then return true end
  end
  return false
end

-- stand puts a job into its line. An empty ticket means the end of it; a job
-- that had its turn and comes back keeps its ticket, and so its place.
local function stand(id, pool, model, ticket)
  local line = pool .. '|' .. model
  redis.call('ZADD', P .. 'line:' .. line, ticket, id)
  redis.call('ZADD', P .. 'lines:' .. pool, 'NX', 0, line)
  redis.call('SADD', P .. 'pools', pool)
end

local function leave_line(id, pool, model)
  redis.call('ZREM', P .. 'line:' .. pool .. '|' .. model, id)
end

-- admit gives free slots of a pool to the jobs at the heads of its lines, one
-- a line and turn, and rings for each. It stops after `most` jobs, or when a
-- whole round admitted nobody.
local function admit(pool, most, grace, bells)
  local moved = true
  while moved and #bells < most do
    moved = false
    for _, line in ipairs(redis.call('ZRANGE', P .. 'lines:' .. pool, 0, 63)) do
      local id = redis.call('ZRANGE', P .. 'line:' .. line, 0, 0)[1]
      if not id then
        redis.call('ZREM', P .. 'lines:' .. pool, line)
      else
        redis.call('ZADD', P .. 'lines:' .. pool, tick(), line)
        local acct = pick(pool, string.sub(line, #pool + 2))
        if acct and #bells < most then
          redis.call('ZREM', P .. 'line:' .. line, id)
          redis.call('ZADD', P .. 'pool:' .. pool, tick(), acct)
          redis.call('SADD', P .. 'slots:' .. acct, id)
          redis.call('HSET', job_key(id), 'account', acct)
          event(id, 'job.admitted')
          bells[#bells + 1] = ring(id, 'submit', grace)
          moved = true
        end
      end
    end
  end
  if redis.call('ZCARD', P .. 'lines:' .. pool) == 0 then redis.call('SREM', P .. 'pools', pool) end
  return bells
end

-- free gives a job's slot back.
local function free(id)
  local acct = get(id, 'account')[1]
  if acct and acct ~= '' then redis.call('SREM', P .. 'slots:' .. acct, id) end
end

-- finish ends a job: its slot goes to the next in line, its log gets the last
-- event, and its record waits for the archive. Extra arguments are fields of
-- the event. The record expires with its retention, which begins now.
local function finish(id, state, kind, grace, bells, ...)
  local j = get(id, 'pool', 'model', 'retention')
  free(id)
  leave_line(id, j[1], j[2])
  redis.call('ZREM', P .. 'bells', id)
  redis.call('ZREM', P .. 'polls', id)
  redis.call('ZREM', P .. 'deadlines', id)
  local expires = now + tonumber(j[3])
  redis.call('HSET', job_key(id), 'state', state, 'phase', '', 'owner', '', 'finished', now, 'expires', expires)
  event(id, kind, ...)
  redis.call('PEXPIREAT', job_key(id), expires)
  redis.call('PEXPIREAT', P .. 'ev:' .. id, expires)
  redis.call('DEL', P .. 'cred:' .. id)
  redis.call('ZADD', P .. 'archive', now + grace, id)
  return admit(j[1], 16, grace, bells)
end
