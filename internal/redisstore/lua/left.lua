-- left notes how the call of a job's newest caller ended.
-- ARGV: id, turn, "gone" or "told" ("": nothing is noted)
-- Returns 1 if it was the newest, else 0: then somebody else has the job in hand.
local id = ARGV[1]
local j = get(id, 'state', 'turn')
if not j[1] or (j[2] or '0') ~= ARGV[2] then return 0 end
if ARGV[3] ~= '' then redis.call('HSET', job_key(id), 'caller', ARGV[3]) end
return 1
