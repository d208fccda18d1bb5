-- canceled ends a running job whose upstream was asked to stop it.
-- ARGV: id, token, "1" if it has stopped, "0" if it works on, grace ms
-- A job that works on keeps its slot and its lease: it is polled on, and what
-- comes of it is stored.
-- Returns {"ok", bells}, {"done", {}} when it is canceled already, or {"stale", {}}.
local id, stopped = ARGV[1], ARGV[3] == '1'
local grace = tonumber(ARGV[4])
local j = get(id, 'state', 'owner', 'cancel_asked')
if j[1] == 'canceled' then return { 'done', {} } end
if j[1] ~= 'running' or j[2] ~= ARGV[2] or not j[3] then return { 'stale', {} } end
cancel_as(id, stopped and 'upstream_confirmed' or 'upstream_unsupported', stopped and 'none' or 'possible')
local pool = finish(id, 'canceled', 'job.canceled', grace, stopped and '' or 'running', 0)
return { 'ok', pool and admit(pool, 16, grace, {}) or {} }
