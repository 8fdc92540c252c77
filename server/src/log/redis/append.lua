-- Appends updates and rings. KEYS: log, meta, bell. ARGV: 'append' or 'restore', the id that the appender stands at, its node,
-- the bytes that may ride on the bell, the updates. Answers 'ok' with the ids before and at the end, or 'lost' where the
-- log does not hold what the appender stands at any more, and is not to be restored: it may have been lost and been
-- written to again since, and what is appended would build on what is gone.
local function parts(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(seq)
end
local previous = redis.call('HGET', KEYS[2], 'last') or '0-0'
local after = ARGV[2]
if ARGV[1] == 'append' and after ~= previous and after ~= '0-0' and after ~= redis.call('HGET', KEYS[2], 'trimmed')
    and #redis.call('XRANGE', KEYS[1], after, after) == 0 then
  return {'lost', previous, previous}
end
local ms, seq = parts(previous)
local after_ms, after_seq = parts(after)
if ms < after_ms or (ms == after_ms and seq < after_seq) then ms, seq = after_ms, after_seq end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
if now > ms then ms, seq = now, -1 end
local last, bytes = previous, 0
for i = 5, #ARGV do
  seq = seq + 1
  last = string.format('%.0f-%.0f', ms, seq)
  if i == 5 then
    redis.call('XADD', KEYS[1], last, 'p', previous, 'u', ARGV[i])
  else
    redis.call('XADD', KEYS[1], last, 'u', ARGV[i])
  end
  bytes = bytes + #ARGV[i]
end
redis.call('HSET', KEYS[2], 'last', last)
local bell = ARGV[3] .. struct.pack('Bc0', #previous, previous) .. struct.pack('Bc0', #last, last)
if bytes > tonumber(ARGV[4]) then
  bell = bell .. '\0'
else
  local updates = {bell, '\1'}
  for i = 5, #ARGV do updates[#updates + 1] = struct.pack('>I4', #ARGV[i]) .. ARGV[i] end
  bell = table.concat(updates)
end
redis.call('SPUBLISH', KEYS[3], bell)
return {'ok', previous, last}
