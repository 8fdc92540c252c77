-- Takes one from a bucket. KEYS: the bucket, which holds the time at which it is full again. ARGV: how many it holds, the
-- milliseconds in which one comes back. Answers how many milliseconds to wait for one; 0 when one was taken.
local burst, period = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now) + period
local wait = full - burst * period - now
if wait > 0 then return wait end
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', full - now)
return 0
