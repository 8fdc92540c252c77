-- Deletes a log and marks it as deleted, so that no node appends to it or restores it. KEYS: log, meta, lease. ARGV: how long the
-- mark is kept, in milliseconds; 0 keeps none, and the document can be written again.
redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3])
if tonumber(ARGV[1]) > 0 then
  redis.call('HSET', KEYS[2], 'deleted', '1')
  redis.call('PEXPIRE', KEYS[2], ARGV[1])
end
return redis.status_reply('OK')
