-- Lists documents whose marks are older than a time, each with its mark. KEYS: marks. ARGV: that time in ms, the number of
-- documents.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local quiet, limit = tonumber(ARGV[1]), tonumber(ARGV[2])
local function between(from, to, count)
  return redis.call('ZRANGEBYSCORE', KEYS[1], from, to, 'WITHSCORES', 'LIMIT', 0, count)
end
local dirty = between('-inf', string.format('%.0f', now - quiet), limit)
-- The first release marks at its node's time. A mark far in the future would keep its document from being swept.
if #dirty < 2 * limit then
  local ahead = between('(' .. string.format('%.0f', now + quiet), '+inf', limit - #dirty / 2)
  for i = 1, #ahead do dirty[#dirty + 1] = ahead[i] end
end
return dirty
