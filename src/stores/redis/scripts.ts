import { createHash } from 'node:crypto'

/** A Lua script and the name that servers know it by. */
export interface RedisScript {
  readonly text: string
  readonly sha: string
}

/**
 * Writes a record, or its deadline, if what is there is as expected.
 *
 * KEYS: the record. ARGV: now; the version that is expected, `''` for no record; the new text, or its first 17 bytes for
 * the deadline alone; the owner's field. Answers 1, or 0 if it is not as expected. Answers an owner's field, and has done
 * nothing, if that owner's index must know of the new deadline first; then it is to be called again, with that field for
 * the deadline alone and without one otherwise. An index lies on another server perhaps, so a script cannot write both.
 */
export const writeRecord: RedisScript = script(`local k,now,want,text,who=KEYS[1],unpack(ARGV)
local f='^1(%d+) (%d+) ([^ ]*) '
local d,v,o=string.match(redis.call('GETRANGE',k,0,499),f)
if not d then d,v,o=string.match(redis.call('GET',k) or '',f) end
if not d or tonumber(d)<=tonumber(now) then d,v,o=0,'','' end
local new=tonumber(string.sub(text,2,17))
local later=math.floor(new/864e5)>math.floor(d/864e5)
local px=math.max(1,math.ceil(new-now))
if v~=want then return 0 end
if #text==17 then
if later and o~='' and o~=who then return o end
redis.call('SETRANGE',k,0,text)
return redis.call('PEXPIRE',k,px)
end
if who~='' and (later or o~=who) then return who end
redis.call('SET',k,text,'PX',px)
return 1`)

/**
 * Puts a record into its owner's index, until the end of the day of its deadline, and drops the entries of days that are
 * over. So a deadline that moves within its day needs no new entry. Answers how many there are if this one is new, else 0.
 *
 * KEYS: the index. ARGV: now; the deadline; the record's key. The score is that end plus the time of day of the writing.
 */
export const addEntry: RedisScript = script(`local k,now,d,m=KEYS[1],unpack(ARGV)
redis.call('ZREMRANGEBYSCORE',k,'-inf',now)
local old=redis.call('ZSCORE',k,m) or 0
local s=math.max(math.floor(d/864e5)+1,math.floor(old/864e5))*864e5+now%864e5
local new=redis.call('ZADD',k,s,m)
redis.call('PEXPIRE',k,math.max(math.ceil(s-now),redis.call('PTTL',k)))
return new*redis.call('ZCARD',k)`)

/**
 * Drops entries whose records are missing, unless they were written within an hour of this time of day: then the record
 * may be on its way.
 *
 * KEYS: the index. ARGV: now; the records' keys.
 */
export const dropEntries: RedisScript = script(`local k,now=KEYS[1],ARGV[1]
for i=2,#ARGV do
local age=(now-(redis.call('ZSCORE',k,ARGV[i]) or now))%864e5
if age>36e5 and age<828e5 then redis.call('ZREM',k,ARGV[i]) end
end`)

/** Runs a script on its key, and brings it to a server that does not have it: one more command, once. */
export async function runScript(
  send: (key: string, command: string[]) => Promise<unknown>,
  { text, sha }: RedisScript,
  key: string,
  args: ReadonlyArray<string | number>,
): Promise<unknown> {
  const rest = ['1', key, ...args.map(String)]
  try {
    return await send(key, ['EVALSHA', sha, ...rest])
  } catch (error) {
    // The server's own code, which every client shows.
    if (!String(error).includes('NOSCRIPT')) throw error
    return send(key, ['EVAL', text, ...rest])
  }
}

function script(text: string): RedisScript {
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}
