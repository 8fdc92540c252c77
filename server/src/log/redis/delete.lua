-- Deletes a log and marks it as deleted, so that no node appends to it or restores it. KEYS: log, meta, lease. ARGV: how long the
-- mark is kept, in milliseconds; 0 keeps none, and the document can be written again; the installation (or nothing): the log of
-- another one is not touched.
local owner = redis.call('HGET', KEYS[2], 'i')
if ARGV[2] ~= '' and owner and owner ~= ARGV[2] then return redis.error_reply('FOREIGN the log belongs to another installation') end
redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3])
if tonumber(ARGV[1]) > 0 then
  redis.call('HSET', KEYS[2], 'deleted', '1')
  redis.call('PEXPIRE', KEYS[2], ARGV[1])
end
return redis.status_reply('OK')
