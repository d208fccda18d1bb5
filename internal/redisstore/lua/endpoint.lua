-- endpoint makes a webhook endpoint of a tenant, or changes one.
-- ARGV: id, tenant, most endpoints of a tenant (0: it must be there), sealed
--       secret of a rotation ("" for none), ms for which the old one still signs,
--       then fields and values
-- Returns "ok", "full", or "gone" when the tenant has none with that id.
local id, tenant, most = ARGV[1], ARGV[2], tonumber(ARGV[3])
local key = P .. 'endpoint:' .. id
local e = redis.call('HMGET', key, 'tenant', 'secret')
if e[1] and e[1] ~= tenant or not e[1] and most == 0 then return 'gone' end
if not e[1] then
  if redis.call('HLEN', P .. 'endpoints:' .. tenant) >= most then return 'full' end
  redis.call('HSET', key, 'id', id, 'tenant', tenant, 'created', now, 'status', 'enabled')
end
if ARGV[4] ~= '' and ARGV[4] ~= e[2] then
  redis.call('HSET', key, 'secret', ARGV[4], 'old', e[2], 'old_until', now + tonumber(ARGV[5]))
end
for i = 6, #ARGV, 2 do redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
local s = redis.call('HMGET', key, 'status', 'events')
redis.call('HSET', P .. 'endpoints:' .. tenant, id, s[1] == 'enabled' and s[2] or '')
return 'ok'
