-- Marks a document as written to, at the server's time: the clocks of nodes differ. KEYS: marks. ARGV: the document.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[1])
return redis.status_reply('OK')
