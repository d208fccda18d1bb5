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
-- key to be found by, comes last. Jobs that ended long ago, and those that were
-- canceled before they cost anything, are nobody's answer.
local function absorbs(id, absorb)
  local j = get(id, 'state', 'finished', 'caller', 'turn', 'cancel_billing')
  if not j[1] or j[1] == 'canceled' and j[5] == 'none' then return nil end
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

-- remember lets repeats find a job that is written in the same script: by its
-- key for key_ms, and by its request as long as retries of it are absorbed. Some
-- of equal requests are enough to choose from; the list is cut now and then only,
-- since this is in the way of every job.
local function remember(id, key, digest, key_ms, listed_ms)
  if key ~= '' then
    redis.call('SET', P .. 'once:' .. key, id .. ' ' .. digest, 'PX', key_ms)
    redis.call('HSET', job_key(id), 'caller', 'told')
  end
  if listed_ms <= 0 then return end
  local alike = P .. 'alike:' .. digest
  if redis.call('RPUSH', alike, id) > 150 then redis.call('LTRIM', alike, -100, -1) end
  redis.call('PEXPIRE', alike, listed_ms)
end
