-- deliver claims the webhook deliveries of a job that are due.
-- ARGV: id, token, lease ms, most
-- Returns {now ms, the names of those claimed: "<seq>.<to>"}.
local id, token = ARGV[1], ARGV[2]
local got = {}
for _, name in ipairs(redis.call('ZRANGE', P .. 'deliveries:' .. id, 0, -1)) do
  local full = id .. '.' .. name
  local d = redis.call('HMGET', P .. 'delivery:' .. full, 'status', 'due', 'owner')
  if #got < tonumber(ARGV[4]) and d[1] == 'pending' and tonumber(d[2]) <= now then
    local look = tonumber(redis.call('ZSCORE', P .. 'webhooks', full) or '0')
    if d[3] == '' or d[3] == token or look <= now then
      redis.call('HSET', P .. 'delivery:' .. full, 'owner', token)
      redis.call('ZADD', P .. 'webhooks', now + tonumber(ARGV[3]), full)
      got[#got + 1] = name
    end
  end
end
return { now, got }
