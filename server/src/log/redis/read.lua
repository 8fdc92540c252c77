-- Reads a page of the log, with the watermark and the last id at the same time. KEYS: log, meta. ARGV: the id to read after,
-- the number of entries.
local meta = redis.call('HMGET', KEYS[2], 'trimmed', 'last')
return {meta[1] or '0-0', meta[2] or '0-0', redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', ARGV[2])}
