import type { Engine } from '../../../src/core/engine.ts'
import { LiveSession } from '../../../src/core/session.ts'
import {
  type Committed,
  createSessions,
  type Exchange,
  type ResponseFacts,
  type Session,
  type SessionEventName,
  type Sessions,
  type SessionsOptions,
  type StoredRecord,
} from '../../../src/index.ts'
import { sealedCookie } from '../../../src/stores/sealed-cookie/index.ts'
import {
  type FaultyStore,
  faultyStore,
  type ManualClock,
  manualClock,
  memoryStore,
} from '../../../src/testing/index.ts'

export type MemoryStore = ReturnType<typeof memoryStore>

/** One process: its sessions, the store below them, what its listeners were told, and the engine itself. */
export interface System {
  readonly sessions: Sessions
  /** The memory store of all processes, behind faults and a record of calls that are this process's own. */
  readonly store: FaultyStore<MemoryStore>
  /** The same store without them, for the test itself. */
  readonly records: MemoryStore
  readonly clock: ManualClock
  readonly events: ReadonlyArray<Readonly<Record<string, unknown>> & { readonly type: string }>
  readonly engine: Engine
  /** Another process with the same store and clock. */
  another(options?: SystemOptions): Promise<System>
}

export interface SystemOptions extends Omit<SessionsOptions, 'store' | 'clock' | 'on'> {
  /** Default: keyed. */
  readonly kind?: Kind
}

/** Under keys, in the cookie with a store that remembers ends, in the cookie alone. */
export type Kind = 'keyed' | 'sealed' | 'sealed, nothing remembered'

/** Of the sealed kinds, unless another is given. */
export const secret = 'a secret of 32 bytes at the least, for tests only'

export function systemOf(options: SystemOptions = {}): Promise<System> {
  const clock = manualClock()
  return build(options, memoryStore({ clock }), clock)
}

async function build(options: SystemOptions, records: MemoryStore, clock: ManualClock): Promise<System> {
  const { kind = 'keyed', ...others } = options
  const store = faultyStore(records)
  const sessions = createSessions({
    ...(kind !== 'keyed' && { secret }),
    ...others,
    store: kind === 'keyed' ? store : sealedCookie(kind === 'sealed' ? { revocation: store } : {}),
    clock,
  })
  const events: System['events'][number][] = []
  for (const name of names) sessions.on(name, (event) => events.push({ ...event }))
  const state = LiveSession.stateOf(await sessions.open(null))
  if (state === undefined) throw new Error('open() returned something else than a session')
  return {
    sessions,
    store,
    records,
    clock,
    events,
    engine: state.engine as Engine,
    another: (more = {}) => build({ ...options, ...more }, records, clock),
  }
}

const names: readonly SessionEventName[] = [
  ...(['created', 'rotated', 'destroyed', 'expired', 'invalid', 'token-conflict', 'token-reuse', 'gone'] as const),
  ...(['conflict', 'limit', 'store-error', 'insecure-transport', 'swept'] as const),
]

/** The events of one name, without their name and time. */
export function told({ events }: Pick<System, 'events'>, name: SessionEventName): Record<string, unknown>[] {
  return events.filter(({ type }) => type === name).map(({ type: _, at: __, ...facts }) => facts)
}

/** What a visit came to, and the token that the client carries after it. */
export interface Visited extends Committed {
  readonly carried: string
}

/** Opens the session of a token, does something with it, and commits. */
export async function visit(
  { sessions }: Pick<System, 'sessions'>,
  token: string | null,
  work: (session: Session) => unknown = () => undefined,
  response?: ResponseFacts,
): Promise<Visited> {
  const session = await sessions.open(token)
  await work(session)
  const committed = await sessions.commit(session, response)
  return { ...committed, carried: committed.token ?? token ?? '' }
}

/** Stores a session with this data, of this user, and returns its token. */
export async function tokenOf(
  system: Pick<System, 'sessions'>,
  data: Readonly<Record<string, unknown>>,
  userId?: string,
): Promise<string> {
  const { token } = await visit(system, null, (session) => {
    for (const [key, value] of Object.entries(data)) session.set(key, value)
    if (userId !== undefined) session.login(userId)
  })
  if (token === null) throw new Error('the commit issued no token')
  return token
}

/** The data under a token; null where there is no session. */
export async function dataOf(system: Pick<System, 'sessions'>, token: string): Promise<Record<string, unknown> | null> {
  const session = await system.sessions.open(token)
  return session.isNew ? null : session.toJSON().data
}

/** The key and the record that a token leads to; for a sealed session what is remembered of it. */
export async function recordOf({ engine, records }: System, token: string): Promise<Stored> {
  const key = await engine.tokens.keyOf(token, 0)
  return { key, record: await records.read(key) }
}

export interface Stored {
  readonly key: string
  readonly record: StoredRecord | null
}

/** All that the store holds. */
export async function allRecords({ records }: Pick<System, 'records'>): Promise<ReadonlyMap<string, StoredRecord>> {
  const { entries } = await records.list({ limit: 1000 })
  return new Map(entries.map(({ key, record }) => [key, record]))
}

/** Lets everything happen that waits for nothing but the event loop. */
export async function settle(turns = 10): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** The code of what is thrown; `undefined` if nothing is. */
export async function codeOf(work: () => unknown): Promise<unknown> {
  try {
    await work()
    return undefined
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error
  }
}

/** An exchange without a server that carries a cookie, and the tokens that were set and cleared on its response. */
export function browserRequest(
  token: string | null,
  { headersSent = false }: { readonly headersSent?: boolean } = {},
): Exchange & { readonly cookies: (string | null)[]; sent: boolean } {
  const cookies: (string | null)[] = []
  const request = {
    cookies,
    sent: headersSent,
    method: 'GET',
    secure: true,
    get headersSent() {
      return request.sent
    },
    header: (name: string) => (name === 'cookie' && token !== null ? `__Host-sid=${token}` : null),
    url: () => '/',
    responseHeader: () => null,
    setHeader: () => undefined,
    append(name: string, value: string) {
      if (name !== 'set-cookie') return
      const content = value.slice(value.indexOf('=') + 1, value.indexOf(';'))
      cookies.push(content === '' ? null : content)
    },
  }
  return request
}
