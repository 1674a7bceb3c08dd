import { MOST } from './keys.ts';

// Times are Redis's own. Every key a script touches is among its KEYS.
const NOW = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)`;

// The tasks this incident waits for: their lines, and the runs that are looked at again.
const WAIT = (line: number, runs: number, life: string, entry: string): string => `
local line = redis.call('GET', KEYS[${line}])
if not line then redis.call('SET', KEYS[${line}], ARGV[1], 'PX', ${life})
elseif not string.find(line, ARGV[1], 1, true) then redis.call('SET', KEYS[${line}], ARGV[1] .. ',' .. string.sub(line, 1, 200), 'PX', ${life}) end
if redis.call('ZCARD', KEYS[${runs}]) < ${MOST.waiting} then redis.call('ZADD', KEYS[${runs}], 'NX', now, ${entry}) end`;

/**
 * A try belongs to one incident for ever. One that ended long ago takes nothing in; one that is part of a bigger one says where to go.
 * KEYS: the try, the incident, its events, all seen, the line of the task, the runs to look at, then its keys.
 * ARGV: id, event, lives of try and line, flap, the run; then the life of each key.
 */
export const ADMIT = `${NOW}
local had = redis.call('GET', KEYS[1])
if had then return {'known', had, 0, 1} end
if redis.call('EXISTS', KEYS[2]) == 0 then return {'over'} end
local ended, into = unpack(redis.call('HMGET', KEYS[2], 'ended', 'into'))
if into then return {'into', into} end
if ended and now - tonumber(ended) > tonumber(ARGV[5]) then return {'over'} end
if redis.call('LLEN', KEYS[3]) >= ${MOST.events} then return {'over'} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
local rev = redis.call('RPUSH', KEYS[3], ARGV[2])
local due = redis.call('HSETNX', KEYS[2], 'due', '1')
redis.call('ZADD', KEYS[4], now, ARGV[1])
${WAIT(5, 6, 'ARGV[4]', 'ARGV[6]')}
for i = 7, #KEYS do
	if redis.call('SET', KEYS[i], ARGV[1], 'NX', 'PX', ARGV[i]) == false and redis.call('GET', KEYS[i]) == ARGV[1] then redis.call('PEXPIRE', KEYS[i], ARGV[i]) end
end
return {'joined', ARGV[1], rev, due}`;

/**
 * KEYS: the try, the incident, its events, the open ones, all seen, the history, the line, the runs to look at; then for each of
 * its keys that key, and the incident and the events of whoever had it. ARGV: id, ledger, event, history key, history entry, lives of try,
 * open and ended, flap, the run (empty: no failed try); then for each key its life and who had it.
 */
export const BEGIN = `${NOW}
local had = redis.call('GET', KEYS[1])
if had and ARGV[10] ~= '' then return {'known', had, 0, 1} end
for i = 9, #KEYS, 3 do
	local other = redis.call('GET', KEYS[i])
	if other and other ~= ARGV[1] then
		if other ~= ARGV[10 + (i - 9) / 3 * 2 + 2] then return {'other', other} end
		local ended, into = unpack(redis.call('HMGET', KEYS[i + 1], 'ended', 'into'))
		local over = redis.call('EXISTS', KEYS[i + 1]) == 0 or (ended and not into and now - tonumber(ended) > tonumber(ARGV[9])) or redis.call('LLEN', KEYS[i + 2]) >= ${MOST.events}
		if not over then return {'other', other} end
	end
end
redis.call('HSET', KEYS[2], 'ledger', ARGV[2], 'upto', '0', 'told', '[]', 'said', '0', 'saidAt', '0', 'due', '1', 'history', ARGV[4])
local rev = redis.call('RPUSH', KEYS[3], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[7])
redis.call('PEXPIRE', KEYS[3], ARGV[7])
redis.call('ZADD', KEYS[4], now, ARGV[1])
redis.call('ZADD', KEYS[5], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', now - tonumber(ARGV[7]))
redis.call('HSET', KEYS[6], ARGV[1], ARGV[5])
redis.call('PEXPIRE', KEYS[6], ARGV[7])
if ARGV[10] ~= '' then
	redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[6])
	${WAIT(7, 8, 'ARGV[8]', 'ARGV[10]')}
end
for i = 9, #KEYS, 3 do redis.call('SET', KEYS[i], ARGV[1], 'PX', ARGV[10 + (i - 9) / 3 * 2 + 1]) end
return {'joined', ARGV[1], rev, 1}`;

/** KEYS: the incident, its events, all seen. ARGV: id, the bigger one (or empty), flap (or empty), then events. */
export const NOTE = `${NOW}
if redis.call('EXISTS', KEYS[1]) == 0 then return {0, 0} end
local ended = redis.call('HGET', KEYS[1], 'ended')
if ARGV[3] ~= '' and ended and now - tonumber(ended) > tonumber(ARGV[3]) then return {0, 0} end
local rev = 0
for i = 4, #ARGV do rev = redis.call('RPUSH', KEYS[2], ARGV[i]) end
local due = redis.call('HSETNX', KEYS[1], 'due', '1')
if ARGV[2] ~= '' then redis.call('HSETNX', KEYS[1], 'into', ARGV[2]) end
redis.call('ZADD', KEYS[3], now, ARGV[1])
return {rev, due}`;

/** The first stands. KEYS: the incident, its events, all seen, what was done. ARGV: id, slot, act, event, life. */
export const ACT = `${NOW}
if redis.call('EXISTS', KEYS[1]) == 0 then return {0} end
local first = redis.call('HGET', KEYS[4], ARGV[2])
if first then return {1, first} end
redis.call('HSET', KEYS[4], ARGV[2], ARGV[3])
redis.call('PEXPIRE', KEYS[4], ARGV[5])
redis.call('RPUSH', KEYS[2], ARGV[4])
redis.call('HSETNX', KEYS[1], 'due', '1')
redis.call('ZADD', KEYS[3], now, ARGV[1])
return {2, ARGV[3]}`;

/**
 * Only who read it last may write it. KEYS: the incident, its events, the open ones, the history, then a list of outcomes for each retry.
 * ARGV: id, events it was read with, ledger, events now, phase, lives of open and ended, history entry, then outcomes.
 */
export const COMMIT = `${NOW}
if redis.call('HGET', KEYS[1], 'upto') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'ledger', ARGV[3], 'upto', ARGV[4])
local life = ARGV[6]
if ARGV[5] == 'open' or ARGV[5] == 'retrying' then
	redis.call('HDEL', KEYS[1], 'ended')
	redis.call('ZADD', KEYS[3], 'NX', now, ARGV[1])
else
	life = ARGV[7]
	redis.call('HSETNX', KEYS[1], 'ended', now)
	redis.call('ZREM', KEYS[3], ARGV[1])
	redis.call('HSET', KEYS[4], ARGV[1], ARGV[8])
end
redis.call('PEXPIRE', KEYS[1], life)
redis.call('PEXPIRE', KEYS[2], life)
for i = 5, #KEYS do
	redis.call('LPUSH', KEYS[i], ARGV[i + 4])
	redis.call('LTRIM', KEYS[i], 0, ${MOST.retries - 1})
	redis.call('PEXPIRE', KEYS[i], ARGV[6])
end
return 1`;

export const HOLD = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`;

export const RELEASE = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`;

/** So many in a window. ARGV: most, milliseconds. */
export const COUNT = `
local n = redis.call('INCR', KEYS[1])
if n == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return n <= tonumber(ARGV[1]) and 1 or 0`;

/** Only while it is waited for. */
export const LOOK_AGAIN = `return redis.call('ZADD', KEYS[1], 'XX', ARGV[1], ARGV[2])`;
