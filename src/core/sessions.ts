import type { AdapterSeam, Committed, ResponseFacts } from '../contract/adapter.ts'
import type { SessionEventName, SessionListener } from '../contract/events.ts'
import type { Exchange, FetchRequest } from '../contract/exchange.ts'
import type { AnyData, Session } from '../contract/session.ts'
import type {
  ListQuery,
  RevokeOptions,
  SessionInfo,
  SessionPage,
  Sessions,
  Sweeper,
  SweeperOptions,
  Users,
} from '../contract/sessions.ts'
import type { Eventually, Store } from '../contract/store.ts'
import { SessionError } from '../errors.ts'
import type { Engine } from './engine.ts'
import { createAttachments } from './request/attachments.ts'
import { finishState } from './request/commit.ts'
import { createContext } from './request/context.ts'
import { isExchange, requestExchange } from './request/exchange.ts'
import { openState } from './request/open.ts'
import type { SessionState } from './request/state.ts'
import { LiveSession } from './session.ts'
import { need } from './store/abilities.ts'
import { drawDraft } from './token.ts'

// Most processes serve requests and nothing else.
const administration = () => import('./admin/list.ts')
const userAdministration = () => import('./admin/users.ts')

/** How long `close` waits for the commits under way. */
const drainMs = 10_000

/** The one implementation of `Sessions`: every method finds the part that does the work. */
export class LiveSessions implements Sessions<AnyData, AnyData> {
  readonly #engine: Engine
  readonly #attached = createAttachments<Session>()
  readonly #context = createContext<Session>()
  readonly #sweepers = new Set<Sweeper>()
  readonly #closing = new AbortController()
  readonly #claimed = new WeakSet<object>()
  readonly #adapter: AdapterSeam<AnyData, AnyData> = {
    claim: (request) => {
      if (this.#claimed.has(request)) return false
      this.#claimed.add(request)
      return true
    },
    attach: (carrier, session) => this.#attached.set(carrier, session),
    run: (session, work) => this.#context.run(session, work),
    finish: (session, response = {}) => finishState(this.#engine, stateOf(session), response),
  }
  #closed: Promise<void> | null = null

  constructor(engine: Engine) {
    this.#engine = engine
  }

  get users(): Users {
    const engine = this.#engine
    return {
      list: async (userId) => (await userAdministration()).listOfUser(engine, userId),
      revoke: async (userId, id, options) => (await userAdministration()).revokeOfUser(engine, userId, id, options),
      revokeAll: async (userId, options) => (await userAdministration()).revokeAllOfUser(engine, userId, options),
    }
  }

  get adapter(): AdapterSeam<AnyData, AnyData> {
    return this.#adapter
  }

  get store(): Store {
    return this.#engine.store
  }

  of(carrier: object): Session {
    const session = this.tryOf(carrier)
    if (session !== undefined) return session
    throw new SessionError(
      'NO_SESSION',
      'No session belongs to this object: mount the adapter before this handler, and pass what the adapter was given.',
    )
  }

  tryOf(carrier: object): Session | undefined {
    return this.#attached.get(carrier)
  }

  current(): Session {
    const session = this.tryCurrent()
    if (session !== undefined) return session
    throw new SessionError(
      'NO_SESSION',
      this.#context.available
        ? 'This code does not run within a request that a session adapter serves: use sessions.of(request), or tryCurrent().'
        : 'This runtime has no AsyncLocalStorage: use sessions.of(request).',
    )
  }

  tryCurrent(): Session | undefined {
    return this.#context.get()
  }

  async open(source: Exchange | FetchRequest | string | null): Promise<Session> {
    if (this.#closed !== null)
      throw new SessionError('CLOSED', 'These sessions were closed by close(): create others with createSessions.')
    const { transport } = this.#engine.settings
    let opening: Eventually<SessionState>
    if (source === null || typeof source === 'string') {
      opening = openState(this.#engine, null, source === null ? [] : [source])
    } else {
      const exchange = isExchange(source) ? source : requestExchange(source)
      opening = openState(this.#engine, exchange, transport.read(exchange))
    }
    const state = opening instanceof Promise ? await opening : opening
    // A hash that takes time is made now, so that the id can be had without waiting.
    if (!this.#engine.tokens.immediate && state.base === null) state.draft = await drawDraft(this.#engine.tokens)
    return new LiveSession(this.#engine, state) as Session
  }

  async commit(session: Session, response?: ResponseFacts): Promise<Committed> {
    return this.#adapter.finish(session, response)
  }

  async find(id: string): Promise<SessionInfo | null> {
    const listing = this.#listing('find a session by its id')
    return (await administration()).findSession(this.#engine, listing, id)
  }

  async list(query?: ListQuery): Promise<SessionPage> {
    return (await administration()).listSessions(this.#engine, this.#listing('list sessions'), query)
  }

  async count(): Promise<number> {
    return this.#listing('count sessions').count()
  }

  async revoke(id: string, options?: RevokeOptions): Promise<boolean> {
    const listing = this.#listing('find a session by its id')
    return (await administration()).revokeSession(this.#engine, listing, id, options)
  }

  async sweep(): Promise<number> {
    const { abilities, settings } = this.#engine
    const { sweepAll } = await import('./admin/sweeper.ts')
    return sweepAll(this.#engine, need(abilities.sweeping, settings.storeName, 'sweep'), this.#closing.signal)
  }

  async startSweeper({ every }: SweeperOptions): Promise<Sweeper> {
    const { abilities, settings, listeners } = this.#engine
    need(abilities.sweeping, settings.storeName, 'sweep')
    const { startSweeper } = await import('./admin/sweeper.ts')
    const sweeper = await startSweeper(every, settings.random, () =>
      this.sweep().catch((error) => listeners.emit('store-error', { at: settings.clock(), operation: 'sweep', error })),
    )
    this.#sweepers.add(sweeper)
    return sweeper
  }

  async ready(): Promise<void> {
    // Any answer will do: the key of a token that nobody has.
    await this.#engine.store.read(await this.#engine.tokens.keyOf(this.#engine.tokens.draw(), 0))
  }

  on<Name extends SessionEventName>(event: Name, listener: SessionListener<Name>): () => void {
    return this.#engine.listeners.on(event, listener)
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    for (const sweeper of this.#sweepers) sweeper.stop()
    this.#closing.abort()
    let timer: ReturnType<typeof setTimeout> | undefined
    const patience = new Promise((resolve) => {
      timer = setTimeout(resolve, drainMs)
    })
    await Promise.race([this.#engine.queue.idle(), patience])
    clearTimeout(timer)
    await this.#engine.abilities.closing?.close()
  }

  #listing(what: string) {
    return need(this.#engine.abilities.listing, this.#engine.settings.storeName, what)
  }
}

function stateOf(session: Session): SessionState {
  const state = LiveSession.stateOf(session)
  if (state !== undefined) return state
  throw new SessionError('NO_SESSION', 'This is not a session that open() has returned.')
}
