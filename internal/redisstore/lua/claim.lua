-- claim takes the lease of a job for a stage.
-- ARGV: id, token, lease ms, states that the stage acts on (comma at both ends)
-- Returns "ok", or why there is nothing to do: "gone", "busy", "newer" or the state.
local id, token = ARGV[1], ARGV[2]
local j = get(id, 'state', 'owner', 'account', 'harvest')
if not j[1] then return 'gone' end
if not string.find(ARGV[4], ',' .. doing(j[1], j[4]) .. ',', 1, true) then return j[1] end
if newer(id) then return 'newer' end
if j[1] == 'queued' and j[3] == '' then return 'waiting' end
local held = tonumber(redis.call('ZSCORE', P .. 'bells', id) or '0')
if j[2] ~= '' and j[2] ~= token and held > now then return 'busy' end
redis.call('HSET', job_key(id), 'owner', token)
redis.call('ZADD', P .. 'bells', now + tonumber(ARGV[3]), id)
return 'ok'
