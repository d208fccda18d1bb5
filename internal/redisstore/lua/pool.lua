-- Accounts: what each may do, what it does, and why it is left alone.
--
--   pool:<pool>             zset   accounts of a pool, by the share of the work that each has had
--   room:<pool>             zset   those that may have a free slot, with the same scores
--   state:<pool>            hash   paused; of the upstream as a whole: cool, strikes, half, canary,
--                                  cause; share given last; turn (see lines.lua); accounts: how
--                                  many are configured; looked:<model> (see stranded.lua)
--   struck:<pool>|<cause>   zset   accounts that have failed alike, by when
--   acct:<account>          hash   limits and state of an account
--   slots:<account>         set    jobs that hold a slot; slots:<account>|<kind> those of a kind
--   history:<account>       list   what took it out of use and brought it back, newest first
--
-- A cooldown whose end the upstream did not tell is half open when it is over: one
-- job, the canary, finds out for all.

local PATIENCE = 10000 -- ms in which failures count as at once
local ALIKE = 3        -- accounts that fail alike at once before it is the upstream

local function text(number) return string.format('%.0f', number) end

-- lists tells whether an account's list of models has one; no list has all.
local function lists(models, model)
  return not models or models == '' or string.find(models, '\n' .. model .. '\n', 1, true) ~= nil
end

-- remark adds to an account's history.
local function remark(acct, what, cause, model, ends, evidence)
  local key = P .. 'history:' .. acct
  redis.call('LPUSH', key, cjson.encode({
    at = now, what = what, cause = cause or '', model = model or '', ends = ends or 0, evidence = evidence or '',
  }))
  redis.call('LTRIM', key, 0, 49)
  redis.call('PEXPIRE', key, 2592000000)
end

-- closed tells whether an upstream takes nothing at the moment: an operator has
-- paused it, or its breaker is open. It tells too what else `use` wants to know of
-- the pool, and place: share and turn.
local function closed(pool)
  local s = redis.call('HMGET', P .. 'state:' .. pool, 'paused', 'cool', 'half', 'canary', 'share', 'turn')
  local shut = s[1] == '1' or (tonumber(s[2] or '0') or 0) > now or (s[3] == '1' and s[4] and s[4] ~= '')
  return shut, { half = s[3] == '1', share = tonumber(s[5] or '0') or 0, turn = tonumber(s[6] or '0') or 0 }
end

-- quota_left is how many jobs of a kind an account may begin until its next
-- reset; nil without a limit.
local function quota_left(quota, used, reset)
  quota = tonumber(quota or '0') or 0
  if quota == 0 then return nil end
  if (tonumber(reset or '0') or 0) <= now then return quota end
  return quota - (tonumber(used or '0') or 0)
end

-- soonest tells when an account of a pool may serve a model again, as far as is
-- known: now if one is only busy. Nil: none ever does without somebody's help.
local function soonest(pool, model, kind)
  local best
  for _, acct in ipairs(redis.call('ZRANGE', P .. 'pool:' .. pool, 0, -1)) do
    local a = redis.call('HMGET', P .. 'acct:' .. acct, 'enabled', 'off', 'models', 'cool', 'cool:' .. model,
      'quota:' .. kind, 'used:' .. kind, 'reset')
    if a[1] == '1' and (a[2] or '') == '' and lists(a[3], model) then
      local at = math.max(tonumber(a[4] or '0') or 0, tonumber(a[5] or '0') or 0, now)
      local left = quota_left(a[6], a[7], a[8])
      if left and left <= 0 then at = math.max(at, tonumber(a[8])) end
      if at == now then return now end
      if at < PARKED and (not best or at < best) then best = at end
    end
  end
  return best
end

-- open tells whether an account may begin a job now: nil, or what `use` wants to know
-- of it.
local function open(acct, model, kind)
  local a = redis.call('HMGET', P .. 'acct:' .. acct, 'enabled', 'off', 'models', 'cool', 'cool:' .. model, 'half', 'canary',
    'max', 'max:' .. kind, 'rate_at', 'gap_at', 'quota:' .. kind, 'used:' .. kind, 'reset', 'weight', 'rate', 'gap')
  if a[1] ~= '1' or (a[2] or '') ~= '' or not lists(a[3], model) then return nil end
  for _, field in ipairs({ 4, 5, 10, 11 }) do
    if (tonumber(a[field] or '0') or 0) > now then return nil end
  end
  if a[6] == '1' and (a[7] or '') ~= '' then return nil end
  local left = quota_left(a[12], a[13], a[14])
  if left and left <= 0 then return nil end
  local busy = redis.call('SCARD', P .. 'slots:' .. acct)
  if busy >= tonumber(a[8]) then return nil end
  local most = tonumber(a[9] or '0') or 0
  if most > 0 and redis.call('SCARD', P .. 'slots:' .. acct .. '|' .. kind) >= most then return nil end
  return {
    id = acct, half = a[6] == '1', max = tonumber(a[8]), busy = busy, rate_at = tonumber(a[10] or '0') or 0, quota = tonumber(a[12] or '0') or 0,
    reset = tonumber(a[14] or '0') or 0, weight = tonumber(a[15] or '1') or 1, rate = tonumber(a[16] or '0') or 0, gap = tonumber(a[17] or '0') or 0,
  }
end

local function shared(pool) return string.sub(pool, 1, 3) == 'up/' end

local look_at_all = false -- the sweeper does, should an account be missing from room

-- first_free gives the account of a pool that a job would be given, or nil: of
-- those that may, the one with the smallest share of the work so far. What is known
-- of it, and of its pool, is good for one `use` of it.
local function first_free(pool, model, kind)
  local shut, state = closed(pool)
  if shut then return nil end
  local from = P .. (shared(pool) and not look_at_all and 'room:' or 'pool:') .. pool
  local at, upto = 0, 3 -- most often it is one of the first
  repeat
    local some = redis.call('ZRANGE', from, at, upto, 'WITHSCORES')
    for i = 1, #some, 2 do
      local acct = open(some[i], model, kind)
      if acct then
        acct.share, acct.pool = tonumber(some[i + 1]), state
        return acct
      end
    end
    local all = upto < 0 or #some < 2 * (upto - at + 1)
    at, upto = upto + 1, -1
  until all
  return nil
end

-- room notes whether an account of a pool has a free slot.
local function room(pool, acct)
  if not shared(pool) then return end
  local share = redis.call('ZSCORE', P .. 'pool:' .. pool, acct)
  local max = tonumber(redis.call('HGET', P .. 'acct:' .. acct, 'max') or '0')
  if share and redis.call('SCARD', P .. 'slots:' .. acct) < max then
    redis.call('ZADD', P .. 'room:' .. pool, share, acct)
  else
    redis.call('ZREM', P .. 'room:' .. pool, acct)
  end
end

-- hold gives a job a slot of an account.
local function hold(acct, id, kind)
  redis.call('SADD', P .. 'slots:' .. acct, id)
  redis.call('SADD', P .. 'slots:' .. acct .. '|' .. kind, id)
end

-- spread counts a job towards an account's share. One that was away does not catch
-- up. An account that has its last slot taken has no room any more.
local function spread(pool, acct)
  local share = math.max(acct.share, acct.pool.share)
  if share ~= acct.pool.share then redis.call('HSET', P .. 'state:' .. pool, 'share', text(share)) end
  share = text(share + math.floor(1000 / acct.weight))
  redis.call('ZADD', P .. 'pool:' .. pool, share, acct.id)
  if acct.busy + 1 < acct.max then
    redis.call('ZADD', P .. 'room:' .. pool, share, acct.id)
  else
    redis.call('ZREM', P .. 'room:' .. pool, acct.id)
  end
end

-- use gives a job a slot of an account that first_free has found, and counts what
-- its limits count.
local function use(pool, acct, id, kind)
  hold(acct.id, id, kind)
  local key = P .. 'acct:' .. acct.id
  local fields = {}
  local function set(name, value) fields[#fields + 1], fields[#fields + 2] = name, value end
  if acct.rate > 0 then -- spread over the minute, so that no minute has more
    set('rate_at', text(math.max(acct.rate_at, now) + math.ceil(60000 / acct.rate)))
  end
  if acct.gap > 0 then set('gap_at', text(now + acct.gap)) end
  if acct.half then set('canary', id) end
  if #fields > 0 then redis.call('HSET', key, unpack(fields)) end
  if acct.quota > 0 then
    local reset = acct.reset
    if reset <= now then
      redis.call('HDEL', key, 'used:image', 'used:video')
      redis.call('HSET', key, 'reset', text(reset + 86400000 * math.ceil((now - reset + 1) / 86400000)))
    end
    redis.call('HINCRBY', key, 'used:' .. kind, 1)
  end
  if not shared(pool) then return end
  spread(pool, acct)
  if acct.pool.half then redis.call('HSET', P .. 'state:' .. pool, 'canary', id) end
end

-- refund takes back what use has counted for a job that was not submitted, or
-- whose submission created nothing.
local function refund(acct, kind)
  local used = P .. 'acct:' .. acct
  if (tonumber(redis.call('HGET', used, 'used:' .. kind) or '0') or 0) > 0 then
    redis.call('HINCRBY', used, 'used:' .. kind, -1)
  end
end

-- uncanary ends a job's being the one that finds out.
local function uncanary(key, id)
  if redis.call('HGET', key, 'canary') == id then redis.call('HSET', key, 'canary', '') end
end

-- give_back frees a job's slot and tells whether it had one.
local function give_back(id)
  local j = get(id, 'account', 'kind', 'pool')
  if not j[1] or j[1] == '' then return false end
  uncanary(P .. 'acct:' .. j[1], id)
  if j[3] then uncanary(P .. 'state:' .. j[3], id) end
  redis.call('SREM', P .. 'slots:' .. j[1] .. '|' .. (j[2] or ''), id)
  local had = redis.call('SREM', P .. 'slots:' .. j[1], id) == 1
  if had and j[3] then room(j[3], j[1]) end
  return had
end

-- recover ends the doubts about an account, and about its upstream: a submission
-- was accepted.
local function recover(acct, pool)
  local key, state = P .. 'acct:' .. acct, P .. 'state:' .. (pool or '')
  local a = redis.call('HMGET', key, 'strikes', 'half', 'cause')
  if a[1] or a[2] then
    redis.call('HDEL', key, 'strikes', 'half', 'canary')
    remark(acct, 'recovered', a[3])
  end
  if pool and redis.call('HEXISTS', state, 'strikes') == 1 then
    redis.call('HDEL', state, 'strikes', 'half', 'canary')
  end
end

-- delay is how long to leave alone what has failed once more: three times as long
-- with each strike.
local function delay(key, floor, cap)
  local strikes = redis.call('HINCRBY', key, 'strikes', 1)
  return math.floor(math.min(cap, floor * 3 ^ math.min(strikes - 1, 12)))
end

-- cool takes an account, or a model of it, out of use for ms (0: as long as its
-- strikes say, and then half open; -1: until somebody acts).
local function cool(acct, model, cause, ms, floor, cap, evidence)
  local key = P .. 'acct:' .. acct
  local field = model ~= '' and 'cool:' .. model or 'cool'
  local cools = tonumber(redis.call('HGET', key, field) or '0') or 0
  local half = false
  if ms == 0 and cools <= now then -- many refusals at once are one strike
    ms, half = delay(key, floor, cap), model == ''
  end
  local ends = ms < 0 and PARKED or now + ms
  if ends <= cools or ms == 0 then return end
  redis.call('HSET', key, field, text(ends), 'cause', cause, 'since', now, 'evidence', evidence)
  if half then redis.call('HSET', key, 'half', 1, 'canary', '') end
  redis.call('HINCRBY', key, 'failures', 1)
  remark(acct, 'cooled', cause, model, ends, evidence)
end

-- revive ends every cooldown of an account, and tells whether it had one.
local function revive(id, why)
  local acct, gone = P .. 'acct:' .. id, { 'strikes', 'half', 'canary', 'cool', 'cause', 'evidence', 'since' }
  local cooled = redis.call('HEXISTS', acct, 'cool') == 1
  for _, field in ipairs(redis.call('HKEYS', acct)) do
    if string.sub(field, 1, 5) == 'cool:' then gone[#gone + 1], cooled = field, true end
  end
  redis.call('HDEL', acct, unpack(gone))
  if cooled then remark(id, 'cleared', '', '', 0, why) end
  return cooled
end

-- alike notes that an account has failed, and tells whether it is one of many that
-- have at once. Then the upstream is left alone instead of them: it is not the
-- accounts.
local function alike(pool, acct, cause, floor, cap)
  local total = redis.call('ZCARD', P .. 'pool:' .. pool)
  if total < ALIKE then return false end
  local struck, state = P .. 'struck:' .. pool .. '|' .. cause, P .. 'state:' .. pool
  redis.call('ZREMRANGEBYSCORE', struck, '-inf', now - PATIENCE)
  redis.call('ZADD', struck, now, acct)
  redis.call('PEXPIRE', struck, PATIENCE)
  if redis.call('ZCARD', struck) < math.max(ALIKE, math.ceil(total / 2)) then return false end
  for _, other in ipairs(redis.call('ZRANGE', struck, 0, -1)) do
    local key = P .. 'acct:' .. other
    if redis.call('HGET', key, 'cause') == cause then
      redis.call('HDEL', key, 'cool', 'strikes', 'half', 'canary', 'cause', 'evidence')
      remark(other, 'cleared', cause, '', 0, 'Many accounts failed alike at once: it is the upstream, or the way to it.')
    end
  end
  if (tonumber(redis.call('HGET', state, 'cool') or '0') or 0) <= now then
    redis.call('HSET', state, 'cool', text(now + delay(state, floor, cap)), 'half', 1, 'canary', '', 'cause', cause)
  end
  return true
end
