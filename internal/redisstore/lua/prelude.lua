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
--   cancels         zset    jobs that are not final, by when they are to be canceled
--   harvests        zset    final jobs that still hold a slot, by when they are given up
--   archive         zset    final jobs whose record is not yet in the bucket, by due time
--   tick            string  counter behind tickets and turns
--   mark            string  counter behind marks
--   marks           zset    observers of Redis itself, by the mark each left last
--   news            channel "<id> <seq>" after every event
local P = KEYS[1]
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)

local PARKED = 9007199254740991 -- a cooldown without an end

local function job_key(id) return P .. 'job:' .. id end
local function get(id, ...) return redis.call('HMGET', job_key(id), ...) end
local function tick() return redis.call('INCR', P .. 'tick') end
local function final(state) return state == 'succeeded' or state == 'failed' or state == 'canceled' end

-- doing is what is being done for a job: its state or, once it is final, the
-- stage of its harvest: "submitting" (the answer may come or be looked up),
-- "blind" (it may come, and nobody can ask), "running", "mirroring", or "".
local function doing(state, harvest)
  if final(state) then return harvest or '' end
  return state or ''
end

-- leased is the set that holds the lease for what is being done.
local function leased(stage) return P .. (stage == 'running' and 'polls' or 'bells') end

-- event appends to a job's log and wakes whoever waits. The job's state and
-- phase must be written before. Extra arguments are further fields.
local function event(id, kind, ...)
  local seq = redis.call('HINCRBY', job_key(id), 'ver', 1)
  local s = get(id, 'state', 'phase')
  redis.call('XADD', P .. 'ev:' .. id, seq .. '-0', 'type', kind, 'at', now, 'state', s[1], 'phase', s[2] or '', ...)
  redis.call('PUBLISH', P .. 'news', id .. ' ' .. seq)
end

-- ring counts a bell of a job and gives it grace ms until the sweeper rings
-- again. The caller puts the task into Asynq.
local function ring(id, stage, grace)
  redis.call('HSET', job_key(id), 'owner', '')
  redis.call('ZADD', P .. 'bells', now + grace, id)
  return { id, stage, redis.call('HINCRBY', job_key(id), 'bell', 1) }
end

-- ring_first is the first bell of a stage.
local function ring_first(id, stage, grace)
  redis.call('HDEL', job_key(id), 'again')
  return ring(id, stage, grace)
end

-- ring_again is the sweeper's bell. The grace doubles with each, up to 16
-- times, so that jobs which wait for a busy stage do not fill its queue.
local function ring_again(id, stage, grace)
  local n = redis.call('HINCRBY', job_key(id), 'again', 1)
  return ring(id, stage, grace * 2 ^ math.min(n - 1, 4))
end

-- lists tells whether an account's list of models has one; no list has all.
local function lists(models, model)
  return not models or models == '' or string.find(models, '\n' .. model .. '\n', 1, true) ~= nil
end

-- cooling gives the time until which an account, or a model of it, cools.
local function cooling(acct, model)
  local c = redis.call('HMGET', P .. 'acct:' .. acct, 'cool', 'cool:' .. model)
  return math.max(tonumber(c[1] or '0') or 0, tonumber(c[2] or '0') or 0)
end

-- usable tells whether any account of a pool could ever serve a model.
local function usable(pool, model)
  for _, acct in ipairs(redis.call('ZRANGE', P .. 'pool:' .. pool, 0, -1)) do
    local a = redis.call('HMGET', P .. 'acct:' .. acct, 'enabled', 'models')
    if a[1] == '1' and lists(a[2], model) and cooling(acct, model) < PARKED then return true end
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

-- free_accounts gives the accounts of a pool that have free slots and do not
-- cool, least recently used first: {id, free slots, models}.
local function free_accounts(pool)
  local out = {}
  for _, acct in ipairs(redis.call('ZRANGE', P .. 'pool:' .. pool, 0, -1)) do
    local a = redis.call('HMGET', P .. 'acct:' .. acct, 'enabled', 'models', 'cool', 'max')
    if a[1] == '1' and (tonumber(a[3] or '0') or 0) <= now then
      local left = tonumber(a[4]) - redis.call('SCARD', P .. 'slots:' .. acct)
      if left > 0 then out[#out + 1] = { acct, left, a[2] } end
    end
  end
  return out
end

-- first_free gives the account of a pool that a job for a model would be given,
-- or nil. Unlike free_accounts it stops at the first.
local function first_free(pool, model)
  for _, acct in ipairs(redis.call('ZRANGE', P .. 'pool:' .. pool, 0, -1)) do
    local a = redis.call('HMGET', P .. 'acct:' .. acct, 'enabled', 'models', 'cool', 'cool:' .. model, 'max')
    local cools = math.max(tonumber(a[3] or '0') or 0, tonumber(a[4] or '0') or 0)
    if a[1] == '1' and cools <= now and lists(a[2], model)
      and redis.call('SCARD', P .. 'slots:' .. acct) < tonumber(a[5]) then return acct end
  end
  return nil
end

-- take gives the first of such accounts that serves a model, and puts it last.
local function take(accounts, model)
  for i, a in ipairs(accounts) do
    if lists(a[3], model) and cooling(a[1], model) <= now then
      table.remove(accounts, i)
      a[2] = a[2] - 1
      if a[2] > 0 then accounts[#accounts + 1] = a end
      return a[1]
    end
  end
  return nil
end

-- place gives a job its slot.
local function place(id, pool, line, acct, grace)
  redis.call('ZREM', P .. 'line:' .. line, id)
  redis.call('ZADD', P .. 'pool:' .. pool, tick(), acct)
  redis.call('SADD', P .. 'slots:' .. acct, id)
  redis.call('HSET', job_key(id), 'account', acct)
  event(id, 'job.admitted')
  return ring_first(id, 'submit', grace)
end

-- admit gives free slots of a pool to the jobs at the heads of its lines, one
-- a line and turn, and rings for each. It stops after `most` jobs in all, or
-- when no line can go on.
local function admit(pool, most, grace, bells)
  local lines = redis.call('ZRANGE', P .. 'lines:' .. pool, 0, 63)
  if #lines == 0 then redis.call('SREM', P .. 'pools', pool) end
  local accounts = #lines > 0 and free_accounts(pool) or {}
  while #lines > 0 and #accounts > 0 and #bells < most do
    local go_on = {}
    for _, line in ipairs(lines) do
      local id = redis.call('ZRANGE', P .. 'line:' .. line, 0, 0)[1]
      if not id then
        redis.call('ZREM', P .. 'lines:' .. pool, line)
      elseif #bells < most then
        redis.call('ZADD', P .. 'lines:' .. pool, tick(), line)
        local acct = take(accounts, string.sub(line, #pool + 2))
        if acct then
          bells[#bells + 1] = place(id, pool, line, acct, grace)
          go_on[#go_on + 1] = line
        end
      end
    end
    lines = go_on
  end
  return bells
end

-- free gives a job's slot back and tells whether it had one.
local function free(id)
  local acct = get(id, 'account')[1]
  return acct and acct ~= '' and redis.call('SREM', P .. 'slots:' .. acct, id) == 1
end

-- expire lets the record and the log of a final job go with their retention. The
-- archive has an hour at least.
local function expire(id)
  local at = string.format('%.0f', math.max(tonumber(get(id, 'expires')[1]), now + 3600000))
  redis.call('PEXPIREAT', job_key(id), at)
  redis.call('PEXPIREAT', P .. 'ev:' .. id, at)
end

-- over ends everything that was being done for a final job: its slot, lease,
-- harvest and credential go, and its retention counts. It returns the pool in
-- which a slot became free, or nil: the caller admits.
local function over(id)
  local pool = free(id) and get(id, 'pool')[1] or nil
  for _, set in ipairs({ 'bells', 'polls', 'harvests' }) do redis.call('ZREM', P .. set, id) end
  redis.call('DEL', P .. 'cred:' .. id)
  if redis.call('EXISTS', job_key(id)) == 1 then
    redis.call('HSET', job_key(id), 'owner', '', 'harvest', '', 'stop', '')
    expire(id)
  end
  return pool
end

-- harvest_end is when a final job is given up that still has something coming.
-- Where nobody can ask, that is blind ms after its submission: so long the
-- upstream may be at work on it.
local function harvest_end(id, stage, blind)
  local j = get(id, 'harvest_by', 'submit_began')
  local ends = tonumber(j[1])
  if stage == 'blind' then ends = math.min(ends, (tonumber(j[2] or '0') or 0) + blind) end
  return ends
end

-- harvest begins or changes what goes on for a final job, until a time. As long
-- as it does, the record does not expire: it names the slot.
local function harvest(id, stage, ends)
  redis.call('HSET', job_key(id), 'harvest', stage, 'harvest_ends', ends)
  redis.call('PERSIST', job_key(id))
  redis.call('PERSIST', P .. 'ev:' .. id)
  redis.call('ZADD', P .. 'harvests', ends, id)
end

-- unlease takes a job from whoever acts on it.
local function unlease(id)
  redis.call('HSET', job_key(id), 'owner', '')
  redis.call('ZREM', P .. 'bells', id)
  redis.call('ZREM', P .. 'polls', id)
end

-- finish ends a job for its caller: its log gets the last event, and its record
-- waits for the archive. What the upstream may still be doing for it is named by
-- rest ("" for nothing; see harvest_end for blind): then slot, lease and credential stay. Extra arguments
-- are fields of the event. Retention begins now. It returns the pool in which a
-- slot became free, or nil: the caller admits.
local function finish(id, state, kind, grace, rest, blind, ...)
  local j = get(id, 'pool', 'model', 'retention')
  leave_line(id, j[1], j[2])
  redis.call('ZREM', P .. 'deadlines', id)
  redis.call('ZREM', P .. 'cancels', id)
  local expires = now + tonumber(j[3])
  redis.call('HSET', job_key(id), 'state', state, 'phase', '', 'finished', now, 'expires', expires)
  event(id, kind, ...)
  redis.call('ZADD', P .. 'archive', now + grace, id)
  local ends = rest ~= '' and harvest_end(id, rest, blind) or 0
  if ends <= now then return over(id) end
  harvest(id, rest, ends)
  if rest == 'blind' then unlease(id) end
  return nil
end

-- cancel_as notes how a cancel came out, unless that is known already.
local function cancel_as(id, outcome, billing)
  local c = get(id, 'cancel_asked', 'cancel_outcome')
  if c[1] and not c[2] then redis.call('HSET', job_key(id), 'cancel_outcome', outcome, 'cancel_billing', billing) end
end

-- cancel_unsent cancels a job that is not to be submitted (again). Nothing of it is
-- at the upstream, unless an earlier submission had an unknown outcome. It
-- returns what finish does.
local function cancel_unsent(id, grace)
  local hold = get(id, 'unsure')[1]
  cancel_as(id, 'before_submit', hold and 'possible' or 'none')
  return finish(id, 'canceled', 'job.canceled', grace, hold and 'blind' or '', tonumber(hold or '0'))
end

-- cancel notes the wish to cancel a job and does what can be done at once. It
-- returns "canceled", "asked" when the upstream must be asked or is at work,
-- "final" or "gone", and the pool in which a slot became free, or nil.
local function cancel(id, grace)
  local j = get(id, 'state', 'cancel_asked')
  if not j[1] then return 'gone' end
  if final(j[1]) then return 'final' end
  redis.call('ZREM', P .. 'cancels', id)
  if j[2] then return 'asked' end
  redis.call('HSET', job_key(id), 'cancel_asked', now)
  if j[1] == 'queued' then return 'canceled', cancel_unsent(id, grace) end
  if j[1] == 'mirroring' then
    cancel_as(id, 'too_late', 'charged')
  elseif j[1] == 'running' then -- whoever polls it must take it anew, and sees the wish
    redis.call('HSET', job_key(id), 'owner', '', 'stop', 1)
    redis.call('ZADD', P .. 'polls', 0, id)
  end
  event(id, 'job.progress')
  return 'asked'
end

-- unsent ends a job whose submission has created nothing and that is not to be
-- submitted again: it is final already, or to be canceled. It returns "over" or
-- "canceled", and the pool in which a slot became free, or nil; nothing at all
-- for every other job.
local function unsent(id, grace)
  local j = get(id, 'state', 'cancel_asked')
  if final(j[1]) then
    local hold = get(id, 'unsure')[1]
    local ends = hold and harvest_end(id, 'blind', tonumber(hold)) or 0
    if ends > now then
      harvest(id, 'blind', ends)
      unlease(id)
      return 'over', nil
    end
    if j[2] and not hold then redis.call('HSET', job_key(id), 'cancel_billing', 'none') end
    redis.call('ZADD', P .. 'archive', now + grace, id)
    return 'over', over(id)
  end
  if j[2] then return 'canceled', cancel_unsent(id, grace) end
end

-- move gives a job the slot of another account of its pool, if one is free: its
-- way to the upstream may be a better one.
local function move(id)
  local j = get(id, 'account', 'pool', 'model')
  local acct = first_free(j[2], j[3])
  if not acct or acct == j[1] then return end
  redis.call('SREM', P .. 'slots:' .. j[1], id)
  redis.call('SADD', P .. 'slots:' .. acct, id)
  redis.call('ZADD', P .. 'pool:' .. j[2], tick(), acct)
  redis.call('HSET', job_key(id), 'account', acct)
end

-- may_settle tells whether a token may say how the submission that is under way
-- has ended: it wrote the fence, or it holds the lease by now.
local function may_settle(id, token, fence)
  local j = get(id, 'state', 'harvest', 'fence', 'fence_by', 'owner')
  local stage = doing(j[1], j[2])
  if fence ~= nil and j[3] ~= fence then return false end
  if stage == 'blind' then return j[4] == token end
  return stage == 'submitting' and (j[4] == token or j[5] == token)
end
