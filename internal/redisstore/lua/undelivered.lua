-- undelivered rings for the webhook deliveries that somebody must look at: new
-- ones, those whose next try is due, and those whose worker has died.
-- ARGV: most, grace ms
-- Returns {bells, how many deliveries are not made, the age of the oldest in ms}.
-- The grace doubles with each ring, up to 16 times, so that deliveries which wait
-- for a busy stage do not fill its queue.
local bells, rung = {}, {}
for _, full in ipairs(redis.call('ZRANGEBYSCORE', P .. 'webhooks', '-inf', now, 'LIMIT', 0, tonumber(ARGV[1]))) do
  local key, id = P .. 'delivery:' .. full, string.match(full, '^[^.]+')
  if redis.call('HGET', key, 'status') ~= 'pending' then
    redis.call('ZREM', P .. 'webhooks', full)
    redis.call('ZREM', P .. 'undelivered', full)
  else
    local n = redis.call('HINCRBY', key, 'again', 1)
    redis.call('HSET', key, 'owner', '')
    redis.call('ZADD', P .. 'webhooks', now + tonumber(ARGV[2]) * 2 ^ math.min(n - 1, 4), full)
    if not rung[id] then bells[#bells + 1] = { id, 'webhook', redis.call('INCR', P .. 'webhook_bell') } end
    rung[id] = true
  end
end
local oldest = redis.call('ZRANGE', P .. 'undelivered', 0, 0, 'WITHSCORES')
return { bells, redis.call('ZCARD', P .. 'undelivered'), oldest[2] and now - tonumber(oldest[2]) or 0 }
