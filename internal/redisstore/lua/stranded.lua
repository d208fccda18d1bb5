-- Waiting in vain: jobs in line for accounts of which none can serve them before
-- their deadline. They go to another of their places, or end now instead of then.
-- A paused upstream keeps its line: that is what pausing is for.

local recoveries = {} -- soonest, asked once for each sort of job

local function recovery(pool, model, kind)
  local key = pool .. '|' .. model .. '|' .. kind
  if recoveries[key] == nil then recoveries[key] = soonest(pool, model, kind) or false end
  return recoveries[key]
end

-- judged tells whether a pool's accounts decide about its line: all that are
-- configured are here (Redis may have lost some), and no operator wants it to wait.
local judgements = {}

local function judged(pool)
  if judgements[pool] == nil then
    local s = redis.call('HMGET', P .. 'state:' .. pool, 'accounts', 'paused')
    judgements[pool] = shared(pool) and s[2] ~= '1' and tonumber(s[1] or '') == redis.call('ZCARD', P .. 'pool:' .. pool)
  end
  return judgements[pool]
end

-- serving tells whether a pool serves every kind of job of a model now.
local function serving(pool, model)
  for _, kind in ipairs({ 'image', 'video' }) do
    local at = recovery(pool, model, kind)
    if not at or at > now then return false end
  end
  return true
end

-- in_vain tells whether a job that waits will not be served before its deadline.
local function in_vain(id)
  local j = get(id, 'pool', 'model', 'kind', 'deadline')
  if not j[1] or not judged(j[1]) then return false end
  local at = recovery(j[1], j[2], j[3])
  return not at or at >= tonumber(j[4])
end

-- strand takes a job that waits in vain out of its line: it gives the pool where it
-- waits now, or nil if it has ended. One that may have been paid for before is
-- neither moved nor said to have cost nothing.
local function strand(id, grace, why, why_unsure)
  local other = elsewhere(id, true)
  if other then return other end
  local unsure = get(id, 'unsure')[1]
  why = unsure and why_unsure or why
  redis.call('HSET', job_key(id), 'failure', why)
  finish(id, 'failed', 'job.failed', grace, unsure and 'blind' or '', tonumber(unsure or '0'), 'failure', why)
end

-- look_over shows up to `most` jobs of a line to take, which tells whether it took
-- one out of it, and goes on from there the next time: a field of a hash remembers
-- where. It returns how many it showed.
local function look_over(line, most, hash, field, take)
  if most <= 0 then return 0 end
  local from = tonumber(redis.call('HGET', hash, field) or '0') or 0
  local ids, kept = redis.call('ZRANGE', line, from, from + most - 1), 0
  for _, id in ipairs(ids) do
    if not take(id) then kept = kept + 1 end
  end
  if #ids == most and kept > 0 then
    redis.call('HSET', hash, field, from + kept)
  elseif #ids < most then
    redis.call('HDEL', hash, field)
  end
  return #ids
end
