-- expired gives jobs that are to be removed, each to one worker for a while.
-- ARGV: most, ms until another worker may take them
-- Returns their ids.
local ids = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'expiries', '-inf', now, 'LIMIT', 0, ARGV[1])) do
  local j = get(id, 'state', 'harvest')
  if not j[1] and redis.call('EXISTS', P .. 'gone:' .. id) == 0 or j[1] and (not final(j[1]) or (j[2] or '') ~= '') then
    redis.call('ZREM', P .. 'expiries', id)
  else
    if j[1] then mark(id) end
    redis.call('ZADD', P .. 'expiries', now + tonumber(ARGV[2]), id)
    ids[#ids + 1] = id
  end
end
return ids
