-- endpoint_gone deletes a webhook endpoint. What is still to be delivered to it
-- fails when it is looked at.
-- ARGV: id, tenant
-- Returns 1, or 0 when the tenant has none with that id.
local key = P .. 'endpoint:' .. ARGV[1]
if redis.call('HGET', key, 'tenant') ~= ARGV[2] then return 0 end
redis.call('DEL', key)
redis.call('HDEL', P .. 'endpoints:' .. ARGV[2], ARGV[1])
return 1
