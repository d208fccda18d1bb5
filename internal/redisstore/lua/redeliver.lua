-- redeliver begins a webhook delivery anew: it is due, and has all its tries
-- again. What is on its way at the moment goes on.
-- ARGV: id, name ("<seq>.<to>")
-- Returns 1, or 0 when there is no such delivery.
local id, full = ARGV[1], ARGV[1] .. '.' .. ARGV[2]
local key = P .. 'delivery:' .. full
local d = redis.call('HMGET', key, 'status', 'owner', 'at')
if not d[1] then return 0 end
redis.call('HSET', key, 'tries', 0, 'due', now)
redis.call('HDEL', key, 'again')
if d[1] ~= 'pending' then
  redis.call('HSET', key, 'status', 'pending', 'owner', '')
  redis.call('HDEL', key, 'ended')
  redis.call('PERSIST', key)
  redis.call('ZADD', P .. 'deliveries:' .. id, tonumber(string.match(ARGV[2], '^%d+')), ARGV[2])
  redis.call('PERSIST', P .. 'deliveries:' .. id)
  redis.call('ZADD', P .. 'undelivered', d[3], full)
  if redis.call('EXISTS', job_key(id)) == 1 then
    redis.call('HINCRBY', job_key(id), 'hooks_pending', 1)
    redis.call('HINCRBY', job_key(id), 'hooks_' .. d[1], -1)
  end
end
if d[2] == '' then redis.call('ZADD', P .. 'webhooks', now, full) end
return 1
