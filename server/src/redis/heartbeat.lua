-- Writes the id of the installation, which shows that the server accepts writes. KEYS: the id's key. ARGV: the id.
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return redis.error_reply('FOREIGN Redis belongs to another installation') end
redis.call('SET', KEYS[1], ARGV[1])
return redis.status_reply('OK')
