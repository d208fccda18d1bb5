-- pause stops submitting to an upstream, or lets it go on.
-- ARGV: pool, "1" to stop or "0", grace ms
-- Returns {"ok", bells}.
local state = P .. 'state:' .. ARGV[1]
if ARGV[2] == '1' then
  redis.call('HSET', state, 'paused', 1)
  return { 'ok', {} }
end
redis.call('HDEL', state, 'paused')
return { 'ok', admit(ARGV[1], 16, tonumber(ARGV[3]), {}) }
