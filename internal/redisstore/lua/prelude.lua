-- Begins every script. KEYS[1] is the prefix of all our keys, with its hash
-- tag ("{tt}:"), so that every key a script touches lives on one node, and
-- Redis routes the script there. Accounts are in pool.lua, waiting in lines.lua.
--
--   job:<id>        hash    the record
--   ev:<id>         stream  the event log; the entry "7-0" is event 7
--   cred:<id>       string  the caller's sealed credential
--   bells           zset    jobs that a stage must act on, by lease expiry
--   polls           zset    running jobs, by lease expiry
--   deadlines       zset    jobs that are not final, by deadline
--   cancels         zset    jobs that are not final, by when they are to be canceled
--   harvests        zset    final jobs that still hold a slot, by when they are given up
--   archive         zset    final jobs whose record is not yet in the bucket, by due time
--   expiries        zset    final jobs, by when they are to be removed with their media
--   gone:<id>       string  "<tenant> <secret>" of a job that was removed
--   mark            string  counter behind marks
--   marks           zset    observers of Redis itself, by the mark each left last
--   news            channel "<id> <seq>" after every event; at a job's end with the record and the log behind it, see news_of_end
--   endpoints:<tenant>  hash  its webhook endpoints, each with the events it is told of ("" for none)
--   endpoint:<id>   hash    a webhook endpoint
--   deliveries:<id> zset    a job's deliveries, "<seq>.<to>" by seq; to is an endpoint, or "job" for the job's own address
--   delivery:<id>.<seq>.<to>  hash  a delivery
--   webhooks        zset    deliveries that are not made, by when somebody must look
--   undelivered     zset    the same, by when their event was
--   webhook_bell    string  counter of the bells for them
--   census:<stage>|<kind>  zset  jobs in a stage, by when they came into it; for counting alone
local P = KEYS[1]
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)

-- SCHEMA is the form of a job's record. A process leaves jobs alone whose form is newer
-- than it knows: while a new version is rolled out, old processes run beside it. A
-- field more is no new form, since nobody touches fields that it does not know.
-- Record.go has the same number.
local SCHEMA = 1

local PARKED = 9007199254740991 -- a cooldown without an end

local function job_key(id) return P .. 'job:' .. id end
local function get(id, ...) return redis.call('HMGET', job_key(id), ...) end
local function final(state) return state == 'succeeded' or state == 'failed' or state == 'canceled' end

-- newer tells whether a job is for processes of a later version alone.
local function newer(id) return (tonumber(redis.call('HGET', job_key(id), 'schema')) or 1) > SCHEMA end

-- doing is what is being done for a job: its state or, once it is final, the
-- stage of its harvest: "submitting" (the answer may come or be looked up),
-- "blind" (it may come, and nobody can ask), "running", "mirroring", or "".
local function doing(state, harvest)
  if final(state) then return harvest or '' end
  return state or ''
end

-- leased is the set that holds the lease for what is being done.
local function leased(stage) return P .. (stage == 'running' and 'polls' or 'bells') end

-- The stages in which jobs are counted. A queued job is waiting or, once it has a
-- slot, admitted; a final one is harvesting or not counted any more.
local STAGES = { 'waiting', 'admitted', 'submitting', 'running', 'mirroring', 'harvesting' }

-- recorded puts a job where it is counted, and notes in its record where that is.
-- Nothing but the census is decided by it. It is called after each change of the
-- state, account or harvest of a job, with what the record says now: a second time
-- changes nothing. It tells whether it has changed anything.
local function recorded(id, state, account, harvest, kind, at)
  local stage = doing(state, harvest)
  if stage == 'queued' then
    stage = (account or '') ~= '' and 'admitted' or 'waiting'
  elseif stage ~= '' and final(state) then
    stage = 'harvesting'
  end
  local place = stage ~= '' and stage .. '|' .. kind or ''
  at = at or ''
  if place == at then return false end
  if at ~= '' then redis.call('ZREM', P .. 'census:' .. at, id) end
  if place ~= '' then redis.call('ZADD', P .. 'census:' .. place, now, id) end
  redis.call('HSET', job_key(id), 'census', place)
  return true
end

-- count is recorded for whoever has not read the record.
local function count(id)
  local j = get(id, 'state', 'account', 'harvest', 'kind', 'census')
  return j[1] and j[4] and recorded(id, j[1], j[2], j[3], j[4], j[5])
end

-- tell leaves a delivery of an event for each who wants to know of it. It is
-- written together with the event, so that no crash can come between.
local function tell(id, seq, kind, state, tenant, own)
  local function leave(to, url, origin)
    local name = id .. '.' .. seq .. '.' .. to
    redis.call('HSET', P .. 'delivery:' .. name, 'seq', seq, 'to', to, 'tenant', tenant, 'url', url, 'origin', origin, 'type', kind,
      'state', state, 'at', now, 'status', 'pending', 'due', now, 'owner', '', 'tries', 0, 'attempts', 0)
    redis.call('ZADD', P .. 'deliveries:' .. id, seq, seq .. '.' .. to)
    redis.call('PERSIST', P .. 'deliveries:' .. id)
    redis.call('ZADD', P .. 'webhooks', now, name)
    redis.call('ZADD', P .. 'undelivered', now, name)
    redis.call('HINCRBY', job_key(id), 'hooks_pending', 1)
  end
  local function wants(events) return string.find(',' .. events .. ',', ',' .. kind .. ',', 1, true) end
  if wants(own or '') then
    local j = get(id, 'hook_url', 'hook_origin')
    leave('job', j[1], j[2])
  end
  local all = redis.call('HGETALL', P .. 'endpoints:' .. tenant)
  for i = 1, #all, 2 do
    if wants(all[i + 1]) then leave(all[i], '', '') end
  end
end

-- log appends to a job's log. The job's state and phase must be written before.
-- Extra arguments are further fields. It returns the number of the event, of which
-- the caller publishes news.
local function log(id, kind, ...)
  local seq = redis.call('HINCRBY', job_key(id), 'ver', 1)
  local s = get(id, 'state', 'phase', 'tenant', 'hook', 'account', 'harvest', 'kind', 'census')
  if s[1] and s[7] then recorded(id, s[1], s[5], s[6], s[7], s[8]) end
  redis.call('XADD', P .. 'ev:' .. id, seq .. '-0', 'type', kind, 'at', now, 'state', s[1], 'phase', s[2] or '', ...)
  tell(id, seq, kind, s[1], s[3] or '', s[4])
  return seq
end

-- event is log that wakes whoever waits.
local function event(id, kind, ...) redis.call('PUBLISH', P .. 'news', id .. ' ' .. log(id, kind, ...)) end

-- NEWS_MOST is how many bytes news may bring along, since every API process is sent them.
local NEWS_MOST = 65536

-- news_of_end wakes whoever waits for a job, and spares them to read it: where it is
-- not too long, the record and the whole log follow the event's number. They are
-- strings, "<bytes>:<string>" each: how many the record has, those of HGETALL, and for
-- each entry of the log its id, how many it has, and its fields and values.
local function news_of_end(id, seq)
  local parts = { id, ' ', seq, ' ' }
  local size = 0
  local function put(s)
    size = size + #s
    if size <= NEWS_MOST then parts[#parts + 1] = #s .. ':' .. s end
  end
  local function put_all(list)
    put(tostring(#list))
    for _, s in ipairs(list) do put(s) end
  end
  put_all(redis.call('HGETALL', job_key(id)))
  for _, entry in ipairs(redis.call('XRANGE', P .. 'ev:' .. id, '-', '+')) do
    put(entry[1])
    put_all(entry[2])
  end
  redis.call('PUBLISH', P .. 'news', size <= NEWS_MOST and table.concat(parts) or id .. ' ' .. seq)
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
