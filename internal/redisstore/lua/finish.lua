-- finish writes the final state.
-- ARGV: id, token, state, event type, failure ("" for none), grace ms
-- The token must hold the lease, or have begun the submission under way.
-- Returns {"ok", bells}, {"done", {}} when it is in that state already, or
-- {"stale", {}}.
local id = ARGV[1]
local grace = tonumber(ARGV[6])
local j = get(id, 'state', 'owner')
if j[1] == ARGV[3] then return { 'done', {} } end
if not j[1] or final(j[1]) then return { 'stale', {} } end
if j[2] ~= ARGV[2] and not begun_by(id, ARGV[2]) then return { 'stale', {} } end
local extra = {}
if ARGV[5] ~= '' then
  redis.call('HSET', job_key(id), 'failure', ARGV[5])
  extra = { 'failure', ARGV[5] }
end
local pool = finish(id, ARGV[3], ARGV[4], grace, unpack(extra))
return { 'ok', pool and admit(pool, 16, grace, {}) or {} }
