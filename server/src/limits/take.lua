-- Takes a token from a bucket. KEYS: the bucket, which stores the time at which it is full again. ARGV: its capacity, the
-- milliseconds until one token is refilled. Returns how many milliseconds to wait for a token; 0 if one was taken.
local burst, period = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now) + period
local wait = full - burst * period - now
if wait > 0 then return wait end
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', full - now)
return 0
