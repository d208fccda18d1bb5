-- Looking over the census. What the scripts write there is right by itself; wrong
-- is what a process of an older version, whose scripts know no census, has done
-- while new ones run beside it, and missing are the jobs from before the first of
-- them. Each sweep looks at a part of one set, so that a fleet of any size costs
-- the same.
--
--   recount  hash  of each set where the last look at it has ended

-- recount looks at up to `most` members of one set, chosen by chance, and puts
-- right what is wrong. A job that it finds counts from now on.
local function recount(most)
  local sets = { 'deadlines', 'harvests' }
  for _, stage in ipairs(STAGES) do
    for _, kind in ipairs({ 'image', 'video' }) do sets[#sets + 1] = 'census:' .. stage .. '|' .. kind end
  end
  local set = sets[tonumber(clock[2]) % #sets + 1]
  local place = string.match(set, '^census:(.*)$')
  local from = tonumber(redis.call('HGET', P .. 'recount', set) or '0')
  local ids, gone = redis.call('ZRANGE', P .. set, from, from + most - 1), 0
  for _, id in ipairs(ids) do
    local stray = place and get(id, 'census')[1] ~= place
    if stray then redis.call('ZREM', P .. set, id) end
    local moved = count(id)
    if stray or (place and moved) then gone = gone + 1 end
  end
  if #ids == most then
    redis.call('HSET', P .. 'recount', set, from + most - gone)
  elseif from > 0 then
    redis.call('HDEL', P .. 'recount', set)
  end
end

