-- accounts writes the configured accounts of a pool and takes the others out
-- of it. State (cooldowns, strikes) stays, but a changed credential or limit
-- counts at once and a changed credential ends every cooldown.
-- ARGV: pool, then id, limit, models ("\na\nb\n" or ""), credential's digest of each
-- Returns how many accounts the pool has.
local pool = P .. 'pool:' .. ARGV[1]
local keep = {}
for i = 2, #ARGV, 4 do
  local acct = P .. 'acct:' .. ARGV[i]
  keep[ARGV[i]] = true
  if redis.call('HGET', acct, 'digest') ~= ARGV[i + 3] then redis.call('DEL', acct) end
  redis.call('HSET', acct, 'enabled', 1, 'max', ARGV[i + 1], 'models', ARGV[i + 2], 'digest', ARGV[i + 3])
  redis.call('ZADD', pool, 'NX', 0, ARGV[i])
end
for _, id in ipairs(redis.call('ZRANGE', pool, 0, -1)) do
  if not keep[id] then
    redis.call('ZREM', pool, id)
    redis.call('HSET', P .. 'acct:' .. id, 'enabled', 0)
  end
end
return redis.call('ZCARD', pool)
