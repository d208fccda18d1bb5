-- Stands between the prelude and the scripts that ask whether a request came
-- before. Its keys hold digests alone: neither an idempotency key nor a prompt
-- can be read from them.
--
--   once:<key>      string  "<id> <digest>", the job and the request of an idempotency key
--   alike:<digest>  list    the newest jobs of equal requests, oldest first

-- keyed gives the job of an idempotency key and the digest of its request, or
-- nil.
local function keyed(key)
  local entry = key ~= '' and redis.call('GET', P .. 'once:' .. key)
  if not entry then return nil end
  local at = string.find(entry, ' ', 1, true)
  return string.sub(entry, 1, at - 1), string.sub(entry, at + 1)
end

-- absorbs tells how gladly a job takes a retry in, or nil if not at all. One
-- whose caller went away without its answer comes first: the retry is most
-- likely that caller's. One whose answer was sent, or that has an idempotency
-- key to be found by, comes last. Jobs that ended long ago, those that were
-- canceled before they cost anything, and removed ones are nobody's answer.
local function absorbs(id, absorb)
  local j = get(id, 'state', 'finished', 'caller', 'turn', 'cancel_billing', 'gone')
  if not j[1] or j[6] or j[1] == 'canceled' and j[5] == 'none' then return nil end
  if final(j[1]) and tonumber(j[2]) <= now - absorb then return nil end
  local first = j[3] == 'gone' and 0 or j[3] == 'told' and 2 or 1
  return first * 1000000 + tonumber(j[4] or '0')
end

-- absorbing gives the job that takes a retry of a request in, or nil: of those
-- that do it equally gladly the one that took the fewest, then the oldest.
local function absorbing(digest, absorb)
  local best, least
  if absorb <= 0 then return nil end
  for _, id in ipairs(redis.call('LRANGE', P .. 'alike:' .. digest, 0, -1)) do
    local rank = absorbs(id, absorb)
    if rank and (not best or rank < least) then best, least = id, rank end
  end
  return best
end

-- OVERTAKEN is how much earlier than a first try came its own retry may have made
-- the job: on a busy machine a request waits unheard for a while.
local OVERTAKEN = 5000

-- owing gives a job that a retry made since late_ms ago, and whose maker's earlier
-- tries have not come yet, or nil: a first try that comes now is most likely one
-- of them. It was slow, its caller has given it up, and a job of its own would be
-- paid for nobody. A job that is a little older counts as long as its caller waits:
-- afterwards a call on purpose is the likelier thing.
local function owing(digest, late_ms)
  if late_ms <= 0 then return nil end
  for _, id in ipairs(redis.call('LRANGE', P .. 'alike:' .. digest, 0, -1)) do
    local j = get(id, 'created', 'owed', 'state', 'caller', 'gone')
    local waits = not final(j[3]) and j[4] ~= 'told'
    local since = now - late_ms - (waits and OVERTAKEN or 0)
    if not j[5] and tonumber(j[2] or '0') > 0 and tonumber(j[1]) > since then return id end
  end
end

-- before gives the job that a request has made before and the digest of its
-- request, or nil. Where there is a key, the key alone decides.
local function before(key, digest, absorb, late_ms)
  if key ~= '' then return keyed(key) end
  return absorbing(digest, absorb) or owing(digest, late_ms), digest
end

-- remember lets repeats find a job that is written in the same script: by its
-- key for key_ms, and by its request as long as retries of it are absorbed. Some
-- of equal requests are enough to choose from; the list is cut now and then only,
-- since this is in the way of every job.
local function remember(id, key, digest, key_ms, listed_ms, tries)
  if key ~= '' then
    redis.call('SET', P .. 'once:' .. key, id .. ' ' .. digest, 'PX', key_ms)
    redis.call('HSET', job_key(id), 'caller', 'told')
  end
  if listed_ms <= 0 then return end
  if key == '' and tries > 0 then redis.call('HSET', job_key(id), 'owed', tries) end
  local alike = P .. 'alike:' .. digest
  if redis.call('RPUSH', alike, id) > 150 then redis.call('LTRIM', alike, -100, -1) end
  redis.call('PEXPIRE', alike, listed_ms)
end
