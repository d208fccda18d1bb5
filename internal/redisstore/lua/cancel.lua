-- cancel notes the wish to cancel a job and does what can be done at once.
-- ARGV: id, grace ms
-- Returns {"canceled", bells}, {"asked", {}} when the upstream must be asked or
-- is at work, {"final", {}}, or {"gone", {}}.
local grace = tonumber(ARGV[2])
local word, pool = cancel(ARGV[1], grace)
return { word, pool and admit(pool, 16, grace, {}) or {} }
