-- cancel notes the wish to cancel a job and does what can be done at once.
-- ARGV: id, grace ms, token of who asks
-- Returns {"canceled", bells}, {"asked", {}} when the upstream must be asked or
-- is at work, {"final", {}}, or {"gone", {}}. Whoever asks again, since the reply was
-- lost, hears "canceled" once more, without bells: nobody else tells of that end.
local id, grace, token = ARGV[1], tonumber(ARGV[2]), ARGV[3]
if get(id, 'canceled_by')[1] == token then return { 'canceled', {} } end
local word, pool = cancel(id, grace)
if word == 'canceled' then redis.call('HSET', job_key(id), 'canceled_by', token) end
return { word, pool and admit(pool, 16, grace, {}) or {} }
