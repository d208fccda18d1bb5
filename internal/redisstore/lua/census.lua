-- census counts the jobs and the accounts of all processes. It only reads, a fixed
-- number of times, and for each account.
-- ARGV: pools, of which the accounts are told
-- Returns {jobs, pools}: jobs is {stage, kind, how many, ms since the one that is
-- there the longest came into the stage: 0 without any} of each stage and kind; pools is,
-- of each, in order, {slots that are used for images, for videos, slots of accounts
-- that may get images now, that may get videos, {state, cause, how many} ...}.
local KINDS = { 'image', 'video' }

local jobs = {}
for _, stage in ipairs(STAGES) do
  for _, kind in ipairs(KINDS) do
    local set = P .. 'census:' .. stage .. '|' .. kind
    local first = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')
    jobs[#jobs + 1] = { stage, kind, redis.call('ZCARD', set), first[2] and math.max(0, now - tonumber(first[2])) or 0 }
  end
end

-- state tells how an account stands, and why.
local function state(a)
  local cools = tonumber(a.cool or '0') or 0
  if a.enabled ~= '1' or (a.off or '') ~= '' then return 'off', '' end
  if cools == PARKED then return 'parked', a.cause end
  if cools > now then return 'cooling', a.cause end
  if a.half == '1' then return 'half_open', a.cause end
  return 'ready', ''
end

-- slots is how many jobs of a kind an account may have at once as it stands.
local function slots(a, stands, kind)
  local most, left = tonumber(a.max or '0') or 0, quota_left(a['quota:' .. kind], a['used:' .. kind], a.reset)
  if left and left <= 0 then return 0 end
  if stands == 'half_open' then return (a.canary or '') == '' and math.min(most, 1) or 0 end
  if stands ~= 'ready' then return 0 end
  local own = tonumber(a['max:' .. kind] or '0') or 0
  return own > 0 and math.min(most, own) or most
end

local FIELDS = { 'enabled', 'off', 'cool', 'half', 'canary', 'cause', 'max', 'max:image', 'max:video',
  'quota:image', 'quota:video', 'used:image', 'used:video', 'reset' }

local pools = {}
for _, pool in ipairs(ARGV) do
  local shut = closed(pool)
  local row, seen = { 0, 0, 0, 0 }, {}
  for _, acct in ipairs(redis.call('ZRANGE', P .. 'pool:' .. pool, 0, -1)) do
    local a, values = {}, redis.call('HMGET', P .. 'acct:' .. acct, unpack(FIELDS))
    for i, name in ipairs(FIELDS) do a[name] = values[i] or nil end
    local stands, cause = state(a)
    for i, kind in ipairs(KINDS) do
      row[i] = row[i] + redis.call('SCARD', P .. 'slots:' .. acct .. '|' .. kind)
      if not shut then row[i + 2] = row[i + 2] + slots(a, stands, kind) end
    end
    local name = stands .. '|' .. (cause or '')
    if not seen[name] then
      seen[name] = { stands, cause or '', 0 }
      row[#row + 1] = seen[name]
    end
    seen[name][3] = seen[name][3] + 1
  end
  pools[#pools + 1] = row
end
return { jobs, pools }
