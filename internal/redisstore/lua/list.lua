-- list looks through a tenant's jobs, newest first. See mine.lua.
-- ARGV: tenant, id after which to begin ("" for the newest), kind ("" for all),
--       states with a space before and behind each ("" for all), how many are
--       wanted, how many are looked at
-- Returns {ids, id of the last that was looked at: "" when there are no more}.
local mine = P .. 'mine:' .. ARGV[1]
local from = ARGV[2] == '' and '+' or '(' .. ARGV[2]
local most, looks = tonumber(ARGV[5]), tonumber(ARGV[6])
local found, last = {}, ''
local ids = redis.call('ZREVRANGEBYLEX', mine, from, '-', 'LIMIT', 0, looks)
for i, id in ipairs(ids) do
  local j = get(id, 'state', 'kind')
  if not j[1] then
    redis.call('ZREM', mine, id)
  elseif (ARGV[3] == '' or ARGV[3] == j[2]) and (ARGV[4] == '' or string.find(ARGV[4], ' ' .. j[1] .. ' ', 1, true)) then
    found[#found + 1] = id
  end
  if #found == most or i == looks then
    last = id
    break
  end
end
return { found, last }
