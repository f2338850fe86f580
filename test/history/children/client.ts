/**
 * One client process: `<backend as JSON>`. Performs the jobs that arrive on its standard input, one JSON object a line, all
 * at once, and prints what came of each. Prints `{}` when it is ready.
 */
import { createInterface } from 'node:readline'
import { parsePayload } from '../../../src/core/record/wire.ts'
import { keyHash } from '../../../src/crypto/keys.ts'
import { createSessions, richCodec, type Session, SessionError } from '../../../src/index.ts'
import type { View } from '../history.ts'
import type { Job, Reply, Target } from '../job.ts'
import { openBackend } from './backend.ts'
import { plantFault } from './planted.ts'

type Data = { tag?: string; count?: number; log?: string[] } & { [name: `r${string}`]: string }
type Seen = { -readonly [Field in keyof Reply]: Reply[Field] }

const target = JSON.parse(process.argv[2] ?? '{}') as Target
const backend = await openBackend(target)
const sessions = createSessions<Data>({
  store: plantFault(backend, target.planted),
  storeTimeout: target.storeTimeoutMs,
  // So that nearly every look extends the deadline too.
  renewAfter: 1,
})
const codec = richCodec()
const epoch = BigInt(target.epoch)

print({})
for await (const line of createInterface(process.stdin)) void perform(JSON.parse(line) as Job)
process.exit()

function now(): number {
  return Number(process.hrtime.bigint() - epoch) / 1e6
}

function print(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}

async function perform(job: Job): Promise<void> {
  const seen: Seen = { number: job.number, start: now(), end: 0, result: 'done' }
  try {
    if (job.kind === 'audit') await audit(job, seen)
    else if (job.kind === 'survey') seen.copies = await survey()
    else await visit(job, seen)
  } catch (error) {
    seen.result = resultOf(error, seen)
    if (error instanceof SessionError && error.code === 'SESSION_GONE') seen.gone = true
    if (seen.result === 'unknown' && !isOutage(error)) seen.fault = String(error instanceof Error ? error.stack : error)
  }
  seen.end = now()
  seen.opened ??= seen.saw === undefined ? undefined : seen.end
  print(seen)
}

function isOutage(error: unknown): boolean {
  return error instanceof SessionError && (error.code === 'STORE_FAILED' || error.code === 'STORE_TIMEOUT')
}

function resultOf(error: unknown, { opened }: Seen): Reply['result'] {
  if (!(error instanceof SessionError)) return 'unknown'
  if (error.code === 'SESSION_GONE' || error.code === 'SESSION_CONFLICT') return 'refused'
  // Opening writes nothing.
  return isOutage(error) && opened === undefined ? 'refused' : 'unknown'
}

async function visit(job: Job, seen: Seen): Promise<void> {
  const { kind, name = '', id } = job
  const session = await sessions.open(job.token)
  seen.opened = now()
  const { isNew } = session
  seen.saw = isNew ? null : viewOf(session, job.messages)
  if (kind === 'take') seen.got = ((await session.flash.take(name)) as string | undefined) ?? null
  const changes = kind !== 'take' && kind !== 'read' && kind !== 'destroy'
  if (kind === 'destroy') session.destroy()
  if (changes && isNew) session.set('tag', id)
  if (kind === 'increment') session.increment('count')
  if (kind === 'push' || kind === 'regenerate' || kind === 'login') session.push('log', id)
  if (kind === 'set') session.set(`r${name}`, id)
  if (kind === 'leave') session.flash.set(id, id)
  if (kind === 'login') session.login('ada')
  if (kind === 'regenerate' && !isNew) session.regenerate()
  if (job.save) {
    await session.save()
    seen.left = viewOf(session, [])
  }
  const { outcome, token } = await sessions.commit(session)
  if (outcome === 'gone') {
    seen.gone = !isNew
    // What was only too late to extend the deadline has read, or saved, all the same.
    if (changes && !job.save) seen.result = 'refused'
    return
  }
  if (token !== null) {
    seen.issued = token
    seen.began = outcome !== 'moved'
  }
  if (changes) seen.left ??= viewOf(session, [])
}

/** Follows the tombstones under retired keys, as only somebody with access to the store can. */
async function audit(job: Job, seen: Seen): Promise<void> {
  let key: string | undefined = await keyHash('__Host-sid', null)(job.token ?? '')
  seen.saw = null
  while (key !== undefined) {
    const record = await backend.read(key)
    const parsed = record === null ? null : parsePayload(record.payload)
    key = parsed?.kind === 'tombstone' ? parsed.tombstone.next : undefined
    const values = parsed?.kind === 'session' ? codec.decode(parsed.values) : null
    if (parsed?.kind !== 'session' || values === null) continue
    const messages = job.messages.map((message) => [message, Object.hasOwn(values.flash ?? {}, message)] as const)
    seen.saw = { ...dataOf(values.data as Data, parsed.facts.userId), messages: Object.fromEntries(messages) }
  }
}

/** How many live records there are of each session. */
async function survey(): Promise<Record<string, number> | undefined> {
  if (!('list' in backend)) return undefined
  const copies: Record<string, number> = {}
  for (let cursor: string | null = null; ; ) {
    const page = await sessions.list({ cursor, limit: 1000 })
    for (const { data } of page.sessions) {
      const { tag } = data as Data
      if (tag !== undefined) copies[tag] = (copies[tag] ?? 0) + 1
    }
    cursor = page.cursor
    if (cursor === null) return copies
  }
}

function viewOf(session: Session<Data>, messages: readonly string[]): View {
  const there = messages.map((message) => [message, session.flash.peek(message) !== undefined] as const)
  const data = Object.fromEntries(session.entries()) as Data
  return { ...dataOf(data, session.userId), messages: Object.fromEntries(there) }
}

function dataOf(data: Data, userId: string | undefined): Omit<View, 'messages'> {
  const registers = Object.entries(data).filter(([key]) => key.startsWith('r')) as [string, string][]
  return {
    ...(data.tag === undefined ? {} : { tag: data.tag }),
    count: data.count ?? 0,
    log: [...(data.log ?? [])],
    registers: Object.fromEntries(registers.map(([key, value]) => [key.slice(1), value])),
    signedIn: userId !== undefined,
  }
}
