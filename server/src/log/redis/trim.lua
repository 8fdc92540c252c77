-- Moves the watermark and removes the entries below it. KEYS: log, meta. ARGV: the last id to remove, the installation
-- (or nothing): the log of another one is not touched.
local owner = redis.call('HGET', KEYS[2], 'i')
if ARGV[2] ~= '' and owner and owner ~= ARGV[2] then return redis.error_reply('FOREIGN the log belongs to another installation') end
-- Only the mark of the deletion is kept of a deleted document.
if redis.call('HEXISTS', KEYS[2], 'deleted') == 1 then return redis.status_reply('OK') end
local ms, seq = string.match(ARGV[1], '^(%d+)-(%d+)$')
ms, seq = tonumber(ms), tonumber(seq)
local trimmed_ms, trimmed_seq = string.match(redis.call('HGET', KEYS[2], 'trimmed') or '0-0', '^(%d+)-(%d+)$')
trimmed_ms, trimmed_seq = tonumber(trimmed_ms), tonumber(trimmed_seq)
-- A log that was lost has nothing to trim, and its watermark would name what was never in it.
if redis.call('EXISTS', KEYS[2]) == 1 and (ms > trimmed_ms or (ms == trimmed_ms and seq > trimmed_seq)) then
  redis.call('HSET', KEYS[2], 'trimmed', ARGV[1])
  redis.call('XTRIM', KEYS[1], 'MINID', '=', string.format('%.0f-%.0f', ms, seq + 1))
end
return redis.status_reply('OK')
