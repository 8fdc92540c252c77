-- Marks a document as dirty, at the server's time, because the clocks of nodes differ. KEYS: marks, the
-- id of the installation. ARGV: the document, the installation (or nothing): on a server of another one nothing is written.
local owner = ARGV[2] ~= '' and redis.call('GET', KEYS[2])
if owner and owner ~= ARGV[2] then return redis.error_reply('FOREIGN Redis belongs to another installation') end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[1])
return redis.status_reply('OK')
