-- Stands in front of the scripts that remove jobs. A job is removed in two steps:
-- it is marked, which its caller sees at once and nobody can undo, and once its
-- objects are out of the bucket its record goes. The field "gone" of a marked one
-- says until when is remembered that there was such a job.

local REMEMBERED = 604800000 -- ms; at most, and no longer than the job itself was kept

-- mark marks a record as removed. It keeps an earlier mark.
local function mark(id)
  local j = get(id, 'expires', 'retention', 'tenant')
  local ends = math.max(tonumber(j[1]), now + math.min(tonumber(j[2]), REMEMBERED))
  redis.call('HSETNX', job_key(id), 'gone', string.format('%.0f', ends))
  redis.call('ZREM', P .. 'mine:' .. j[3], id)
end

-- remember lets it be known for a time that there was a job: whose it was, and
-- what its links ended in.
local function remember(id, tenant, secret, ms)
  redis.call('SET', P .. 'gone:' .. id, tenant .. ' ' .. secret, 'PX', string.format('%.0f', math.max(ms, 1)))
end
