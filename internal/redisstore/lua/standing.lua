-- How the accounts of a pool stand, for whoever uses one without a slot.

-- standing gives {ms for which the pool as a whole is left alone (0: it is not), its
-- doubt, then of each account {id, "1" if it is taken out of use, ms for which it is
-- left alone (-1: until somebody acts), its doubt, {model, ms, ...} of models that
-- are left alone}}. Doubt is "" for none, "open" when a call may find out whether it
-- works, "taken" when a job does.
local function standing(pool)
  local function left(at) return math.max(0, (tonumber(at or '0') or 0) - now) end
  local function doubt(half, canary) return half ~= '1' and '' or (canary or '') == '' and 'open' or 'taken' end
  local s = redis.call('HMGET', P .. 'state:' .. pool, 'cool', 'half', 'canary')
  local out = { left(s[1]), doubt(s[2], s[3]) }
  for _, acct in ipairs(redis.call('ZRANGE', P .. 'pool:' .. pool, 0, -1)) do
    local a, fields, models = {}, redis.call('HGETALL', P .. 'acct:' .. acct), {}
    for i = 1, #fields, 2 do
      local name, value = fields[i], fields[i + 1]
      a[name] = value
      if string.sub(name, 1, 5) == 'cool:' and left(value) > 0 then
        models[#models + 1], models[#models + 2] = string.sub(name, 6), left(value)
      end
    end
    local off = (a.enabled ~= '1' or (a.off or '') ~= '') and '1' or ''
    local alone = tonumber(a.cool or '0') == PARKED and -1 or left(a.cool)
    out[#out + 1] = { acct, off, alone, doubt(a.half, a.canary), models }
  end
  return out
end
