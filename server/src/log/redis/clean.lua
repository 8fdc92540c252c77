-- Removes a mark, unless it was set again. KEYS: marks. ARGV: the document, its mark.
if tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or -1) == tonumber(ARGV[2]) then redis.call('ZREM', KEYS[1], ARGV[1]) end
return redis.status_reply('OK')
