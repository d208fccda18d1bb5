-- accounts writes the configured accounts of a pool and takes the others out of it.
-- What is known of an account stays, but changed limits count at once, and a
-- changed credential ends every cooldown.
-- ARGV: pool, then of each account JSON: {"id", "digest" of the credential,
--       "fields": {field of its hash: value}}
-- Returns how many accounts the pool has.
local name = ARGV[1]
local pool, keep = P .. 'pool:' .. name, {}
for i = 2, #ARGV do
  local a = cjson.decode(ARGV[i])
  local acct = P .. 'acct:' .. a.id
  keep[a.id] = true
  local digest = redis.call('HGET', acct, 'digest')
  if digest and digest ~= a.digest then revive(a.id, 'The credential was changed.') end
  redis.call('HSET', acct, 'digest', a.digest, 'pool', name)
  for field, value in pairs(a.fields) do redis.call('HSET', acct, field, value) end
  if not redis.call('ZSCORE', pool, a.id) then
    redis.call('ZADD', pool, redis.call('HGET', P .. 'state:' .. name, 'share') or 0, a.id)
  end
  room(name, a.id)
end
for _, id in ipairs(redis.call('ZRANGE', pool, 0, -1)) do
  if not keep[id] then
    redis.call('ZREM', pool, id)
    redis.call('ZREM', P .. 'room:' .. name, id)
    redis.call('HSET', P .. 'acct:' .. id, 'enabled', 0)
  end
end
redis.call('HSET', P .. 'state:' .. name, 'accounts', #ARGV - 1)
return redis.call('ZCARD', pool)
