-- The end of a job: its final state, its cancel, and what the upstream may still
-- be doing for it.

-- LEFT_LYING is how long a record outlives its retention where no worker comes to
-- remove it, in ms. What the bucket still has then is left to the bucket's own rule.
local LEFT_LYING = 86400000

-- expire has a final job removed when its retention is over.
local function expire(id)
  local ends = tonumber(get(id, 'expires')[1])
  redis.call('ZADD', P .. 'expiries', ends, id)
  local at = string.format('%.0f', math.max(ends, now) + LEFT_LYING)
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
    count(id)
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
  count(id)
  redis.call('PERSIST', job_key(id))
  redis.call('PERSIST', P .. 'ev:' .. id)
  redis.call('ZREM', P .. 'expiries', id)
  redis.call('ZADD', P .. 'harvests', ends, id)
end

-- unlease takes a job from whoever acts on it.
local function unlease(id)
  redis.call('HSET', job_key(id), 'owner', '')
  redis.call('ZREM', P .. 'bells', id)
  redis.call('ZREM', P .. 'polls', id)
end

local may_be_made = false -- set where nobody knows whether the upstream has made anything

-- refund_unmade gives back what an account's quota has counted for a job of which
-- the upstream has made nothing.
local function refund_unmade(id)
  local j = get(id, 'account', 'kind', 'fence', 'answered', 'unsure')
  if (j[1] or '') ~= '' and j[4] ~= j[3] and not j[5] and not may_be_made then refund(j[1], j[2]) end
end

-- finish ends a job for its caller: its log gets the last event, and its record
-- waits for the archive. What the upstream may still be doing for it is named by
-- rest ("" for nothing; see harvest_end for blind): then slot, lease and credential stay. Extra arguments
-- are fields of the event. Retention begins now. It returns the pool in which a
-- slot became free, or nil: the caller admits.
local function finish(id, state, kind, grace, rest, blind, ...)
  local j = get(id, 'retention')
  wait_no_more(id)
  redis.call('ZREM', P .. 'deadlines', id)
  redis.call('ZREM', P .. 'cancels', id)
  local expires = now + tonumber(j[1])
  redis.call('HSET', job_key(id), 'state', state, 'phase', '', 'finished', now, 'expires', expires)
  local seq = log(id, kind, ...)
  redis.call('ZADD', P .. 'archive', now + grace, id)
  if rest == '' and state ~= 'succeeded' then refund_unmade(id) end
  local ends = rest ~= '' and harvest_end(id, rest, blind) or 0
  local pool = nil
  if ends <= now then
    pool = over(id)
  else
    harvest(id, rest, ends)
    if rest == 'blind' then unlease(id) end
  end
  news_of_end(id, seq)
  return pool
end

-- took notes how long a job that succeeds has taken since it had a slot.
--
--   took:<class>  list  the newest such times of a class of jobs, in ms
local function took(id)
  local j = get(id, 'class', 'admitted')
  if (j[1] or '') == '' or (j[2] or '') == '' then return end
  local key = P .. 'took:' .. j[1]
  redis.call('LPUSH', key, now - tonumber(j[2]))
  redis.call('LTRIM', key, 0, 499)
  redis.call('PEXPIRE', key, 2592000000)
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
  local unsure = get(id, 'unsure')[1]
  cancel_as(id, 'before_submit', unsure and 'possible' or 'none')
  return finish(id, 'canceled', 'job.canceled', grace, unsure and 'blind' or '', tonumber(unsure or '0'))
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
    local unsure = get(id, 'unsure')[1]
    local ends = unsure and harvest_end(id, 'blind', tonumber(unsure)) or 0
    if ends > now then
      harvest(id, 'blind', ends)
      unlease(id)
      return 'over', nil
    end
    if j[2] and not unsure then redis.call('HSET', job_key(id), 'cancel_billing', 'none') end
    refund_unmade(id)
    redis.call('ZADD', P .. 'archive', now + grace, id)
    return 'over', over(id)
  end
  if j[2] then return 'canceled', cancel_unsent(id, grace) end
end

-- move gives a job the slot of another account of its pool, if one is free: its
-- way to the upstream may be a better one.
local function move(id)
  local j = get(id, 'account', 'pool', 'model', 'kind')
  local acct = first_free(j[2], j[3], j[4])
  if not acct or acct.id == j[1] then return end
  give_back(id)
  refund(j[1], j[4])
  use(j[2], acct, id, j[4])
  redis.call('HSET', job_key(id), 'account', acct.id)
end

-- settled_by notes who has written how something that was being done for a job came
-- out, what that was, and the word that came back. Whoever repeats that write, because no
-- reply came, is told the same (see told); one whose lease lapsed before is told that the
-- job has moved on without it.
local function settled_by(id, token, what, word)
  redis.call('HSET', job_key(id), 'settled_by', token .. ' ' .. what .. ' ' .. word)
end

-- told is the word that came back for a write, if it was the last one; nil otherwise.
local function told(settled, token, what)
  local begin = token .. ' ' .. what .. ' '
  if settled and string.sub(settled, 1, #begin) == begin then return string.sub(settled, #begin + 1) end
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
