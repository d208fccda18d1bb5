-- repeat finds the job that an earlier request has made which this one repeats.
-- ARGV: digest of the idempotency key ("" for none), digest of the body, "1" if
--       the caller says that it repeats
-- Returns {"taken", {}, job, body's digest}, or {"none", {}}.
return repeated(ARGV[1], ARGV[2], ARGV[3] == '1') or { 'none', {} }
