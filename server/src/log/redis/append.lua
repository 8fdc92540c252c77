-- Appends updates and publishes them. KEYS: log, meta, bell. ARGV: 'append', 'exact' or 'restore', the id up to which the
-- appender has read, its node, the number of bytes that may be published with the notification, the installation (or nothing),
-- 'checked' if the server was just found to belong to it, the updates. Returns a word and two ids:
--   ok         the ids before and after the append
--   lost       the log no longer holds the appender's id: it may have been lost and written again, and the updates could depend
--              on lost ones; a restore appends nevertheless
--   moved      an exact append found newer entries
--   deleted    the document is deleted
--   foreign    the document's log belongs to another installation
--   unchecked  the log names no installation yet: the server must be checked first
-- Example: the log ends at 7-0. 'append' after 7-0 returns {ok, 7-0, 8-0}; a second node that has read 7-0 too then gets
-- {ok, 8-0, 9-0} for 'append' and {moved, 8-0, 8-0} for 'exact'. After a restart without persistence, 'append' after 9-0 returns
-- {lost, 0-0, 0-0}, and 'restore' after 9-0 returns {ok, 0-0, 10-0}.
local function parts(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(seq)
end
if ARGV[5] ~= '' then
  local owner = redis.call('HGET', KEYS[2], 'i')
  if owner and owner ~= ARGV[5] then return {'foreign', '0-0', '0-0'} end
  if not owner and ARGV[6] ~= 'checked' then return {'unchecked', '0-0', '0-0'} end
end
if redis.call('HEXISTS', KEYS[2], 'deleted') == 1 then return {'deleted', '0-0', '0-0'} end
local previous = redis.call('HGET', KEYS[2], 'last') or '0-0'
local after, exact = ARGV[2], ARGV[1] == 'exact'
if ARGV[1] ~= 'restore' and after ~= previous and after ~= '0-0' and after ~= redis.call('HGET', KEYS[2], 'trimmed')
    and #redis.call('XRANGE', KEYS[1], after, after) == 0 then
  return {'lost', previous, previous}
end
-- Without a write WAIT returns at once, but confirmed entries must be on the replicas too.
local function confirm()
  if previous ~= '0-0' then redis.call('HSET', KEYS[2], 'last', previous) end
end
if exact and after ~= previous then
  -- The answer to the same append may have been lost: its entries follow `after` directly, and no other append's can.
  local at = after
  for i = 7, #ARGV do
    local entry = redis.call('XRANGE', KEYS[1], '(' .. at, '+', 'COUNT', 1)[1]
    local fields = {}
    for f = 1, entry and #entry[2] or 0, 2 do fields[entry[2][f]] = entry[2][f + 1] end
    if (i == 7 and fields['n'] ~= ARGV[3]) or fields['u'] ~= ARGV[i] then return {'moved', previous, previous} end
    at = entry[1]
  end
  if #ARGV == 6 then return {'moved', previous, previous} end
  confirm()
  return {'ok', after, at}
end
if #ARGV == 6 then
  confirm()
  return {'ok', previous, previous}
end
local ms, seq = parts(previous)
local after_ms, after_seq = parts(after)
if ms < after_ms or (ms == after_ms and seq < after_seq) then ms, seq = after_ms, after_seq end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
if now > ms then ms, seq = now, -1 end
local last, bytes = previous, 0
for i = 7, #ARGV do
  seq = seq + 1
  last = string.format('%.0f-%.0f', ms, seq)
  if i == 7 and exact then
    redis.call('XADD', KEYS[1], last, 'p', previous, 'u', ARGV[i], 'n', ARGV[3])
  elseif i == 7 then
    redis.call('XADD', KEYS[1], last, 'p', previous, 'u', ARGV[i])
  else
    redis.call('XADD', KEYS[1], last, 'u', ARGV[i])
  end
  bytes = bytes + #ARGV[i]
end
redis.call('HSET', KEYS[2], 'last', last)
if ARGV[5] ~= '' then redis.call('HSET', KEYS[2], 'i', ARGV[5]) end
-- A node treats its own appends as applied, which an exact one is not yet: it is published without a node.
local origin = exact and string.rep('\0', 16) or ARGV[3]
local bell = origin .. struct.pack('Bc0', #previous, previous) .. struct.pack('Bc0', #last, last)
if bytes > tonumber(ARGV[4]) then
  bell = bell .. '\0'
else
  local updates = {bell, '\1'}
  for i = 7, #ARGV do updates[#updates + 1] = struct.pack('>I4', #ARGV[i]) .. ARGV[i] end
  bell = table.concat(updates)
end
redis.call('SPUBLISH', KEYS[3], bell)
return {'ok', previous, last}
