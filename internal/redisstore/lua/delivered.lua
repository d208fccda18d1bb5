-- delivered writes what came of a webhook delivery.
-- ARGV: id, name ("<seq>.<to>"), token, outcome, the try as JSON, ms until the
--       next try, body to be kept for it ("" for none), ms for which a delivery
--       is shown after its end, most tries shown
-- The outcome is "delivered"; "failed", given up; "gone", given up and the
-- endpoint wants no more; "retry"; or "busy": it was not tried, too much goes to
-- that receiver.
-- Returns "ok", "done" when it has ended before, or "stale".
local id, name, token, outcome = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local full = id .. '.' .. name
local key = P .. 'delivery:' .. full
local d = redis.call('HMGET', key, 'status', 'owner', 'to', 'tenant')
if not d[1] then return 'stale' end
if d[1] ~= 'pending' then return 'done' end
-- What was taken was taken, whoever holds it by now.
if d[2] ~= token and outcome ~= 'delivered' then return 'stale' end

local function wait(ms)
  redis.call('HSET', key, 'owner', '', 'due', now + ms)
  redis.call('ZADD', P .. 'webhooks', now + ms, full)
end

if outcome == 'busy' then
  wait(tonumber(ARGV[6]) * 2 ^ math.min(redis.call('HINCRBY', key, 'again', 1) - 1, 4))
  return 'ok'
end
local known = redis.call('EXISTS', job_key(id)) == 1
local n = redis.call('HINCRBY', key, 'attempts', 1)
redis.call('HINCRBY', key, 'tries', 1)
redis.call('HSET', key, 'try:' .. n, ARGV[5])
redis.call('HDEL', key, 'again', 'try:' .. (n - tonumber(ARGV[9])))
if known and outcome ~= 'delivered' then redis.call('HSET', job_key(id), 'hook_failure', ARGV[5]) end
if outcome == 'retry' then
  if ARGV[7] ~= '' then redis.call('HSET', key, 'body', ARGV[7]) end
  wait(tonumber(ARGV[6]))
  return 'ok'
end

local status = outcome == 'delivered' and 'delivered' or 'failed'
redis.call('HSET', key, 'status', status, 'owner', '', 'ended', now)
redis.call('ZREM', P .. 'webhooks', full)
redis.call('ZREM', P .. 'undelivered', full)
if known then
  redis.call('HINCRBY', job_key(id), 'hooks_pending', -1)
  redis.call('HINCRBY', job_key(id), 'hooks_' .. status, 1)
end
if outcome == 'gone' and d[3] == 'job' then
  if known then redis.call('HSET', job_key(id), 'hook', '') end
elseif outcome == 'gone' and redis.call('EXISTS', P .. 'endpoint:' .. d[3]) == 1 then
  redis.call('HSET', P .. 'endpoint:' .. d[3], 'status', 'disabled', 'reason', 'gone')
  redis.call('HSET', P .. 'endpoints:' .. d[4], d[3], '')
end
redis.call('PEXPIRE', key, ARGV[8])
for _, other in ipairs(redis.call('ZRANGE', P .. 'deliveries:' .. id, 0, -1)) do
  if redis.call('HGET', P .. 'delivery:' .. id .. '.' .. other, 'status') == 'pending' then return 'ok' end
end
redis.call('PEXPIRE', P .. 'deliveries:' .. id, ARGV[8])
return 'ok'
