import type fc from 'fast-check'
import {
  createSessions,
  type Eventually,
  type Outcome,
  type Session,
  SessionError,
  type Sessions,
  type Store,
} from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { cookiesOf, exchangeWith, type RecordedExchange } from '../fixtures/exchange.ts'

/** What one simulated request does to its session, in order. */
export type Action =
  | { readonly do: 'increment' }
  | { readonly do: 'write' }
  | { readonly do: 'mutate' }
  | { readonly do: 'read' }
  | { readonly do: 'regenerate' }
  | { readonly do: 'login' }
  | { readonly do: 'destroy' }
  | { readonly do: 'save' }
  | { readonly do: 'flash' }
  | { readonly do: 'take' }

export interface Request {
  readonly browser: number
  /** Which of two processes serves it: each has its own engine, both share the store. */
  readonly node: number
  readonly actions: readonly Action[]
  /** The clock moves so far before it starts. */
  readonly advance: number
  readonly status: number
}

export type Data = { count?: number; box?: { items: number[] } } & { [own: `w${number}`]: number }
export type Flash = { note?: number }

/** One session as the world knows it, whatever token it has at the moment. */
interface Line {
  readonly browser: number
  token: string
  /** Between which two instants a token stopped being the current one, and whether a grace leads on from it. */
  readonly former: Map<string, { after: number; before: number; grace: boolean }>
  dead: boolean
  /** Requests that may end or move it at any moment. */
  unrest: number
  /** Requests whose outcome is unknown touched it. */
  uncertain: boolean
  count: number
  readonly written: Set<number>
  notesLeft: number
  notesTaken: number
  /** What the box held when all was last at rest: additions in place, which later ones must find. */
  boxed: ReadonlySet<number>
  /** What the request that began the session had in hand: a sign-in takes its objects along into a session of its own. */
  inherited: ReadonlySet<number>
  /** Additions acknowledged since. Of overlapping ones the last to be stored decides. */
  readonly added: Set<number>
}

interface Browser {
  token: string | null
}

export interface WorldOptions {
  readonly rotateEvery?: number
  /** Fails calls of the store, by the number of the call; 'before' it is applied or 'after'. */
  readonly faults?: ReadonlyMap<number, 'before' | 'after'>
  /** Wraps the store, to plant a fault. */
  readonly store?: (store: Store) => Store
}

const graceMs = 30_000
const longestRequestMs = 55_000

/** Browsers, two processes and a store whose every call is an interleaving point, and what must hold between them. */
export class World {
  readonly #scheduler: fc.Scheduler
  readonly #nodes: Sessions<Data, Flash>[]
  readonly #browsers: Browser[] = [{ token: null }, { token: null }]
  readonly #lines: Line[] = []
  readonly #lineOf = new Map<string, Line>()
  readonly #inner = memoryStore({ clock: () => this.#now })
  readonly #secrets = new Set<string>()
  readonly #faults: Map<number, 'before' | 'after'>
  readonly #isFaulty: boolean
  /** Which browser each unique write belongs to. */
  readonly #writers = new Map<number, number>()
  #now = 1_800_000_000_000
  #began = this.#now
  #calls = 0
  #atRest = false
  #drawn = 0
  #requests = 0

  constructor(scheduler: fc.Scheduler, options: WorldOptions) {
    this.#scheduler = scheduler
    this.#faults = new Map(options.faults)
    this.#isFaulty = this.#faults.size > 0 || options.store !== undefined
    const store = this.#scheduled(options.store?.(this.#inner) ?? this.#inner)
    this.#nodes = [0, 1].map(() =>
      createSessions<Data, Flash>({
        store,
        clock: () => this.#now,
        random: (length) => this.#bytes(length),
        idleTimeout: '2h',
        absoluteTimeout: '10h',
        storeTimeout: '1h',
        ...(options.rotateEvery === undefined ? {} : { rotateEvery: options.rotateEvery }),
      }),
    )
  }

  /** Serves the requests, interleaved as the scheduler likes, and checks what must hold. */
  async serve(requests: readonly Request[]): Promise<void> {
    this.#began = this.#now
    const served = Promise.all(
      requests.map(async (request, index) => {
        await this.#scheduler.schedule(Promise.resolve(), `request ${index} starts`)
        await this.#serve(request)
      }),
    )
    await this.#scheduler.waitFor(served)
    this.#atRest = true
    await this.#scheduler.waitFor(this.#checkAtRest())
    this.#atRest = false
  }

  async #serve({ browser: number, node, actions, advance, status }: Request): Promise<void> {
    // Marks of retired keys live a minute, so no request may take longer than that (decisions/002).
    this.#now = Math.min(this.#now + advance, this.#began + longestRequestMs)
    const own = this.#requests++
    const sessions = this.#nodes[node] as Sessions<Data, Flash>
    const browser = this.#browsers[number] as Browser
    const token = browser.token
    const line = token === null ? undefined : this.#lineOf.get(token)
    const restless = actions.some(({ do: what }) => what === 'destroy' || what === 'regenerate' || what === 'login')
    const deadBefore = line !== undefined && (line.dead || this.#isRetired(line, token))
    const calmBefore = line !== undefined && line.unrest === 0
    if (line && restless) line.unrest++
    const exchange = exchangeWith(token === null ? {} : { cookie: `__Host-sid=${token}` })
    try {
      const session = await sessions.open(exchange)
      check(!(deadBefore && !session.isNew), 'I3/I4: a dead or retired token opened a live session')
      const calm = calmBefore && line.unrest === (restless ? 1 : 0) && !line.uncertain && this.#leads(line, token)
      check(!(calm && !line.dead && session.isNew), 'X5: a live session was not found')
      await this.#act(sessions, session, { own, line, actions, browser, number, exchange, status })
    } catch (error) {
      if (!(error instanceof SessionError)) throw error
      const expected = this.#isFaulty ? ['STORE_FAILED', 'SESSION_CONFLICT', 'SESSION_GONE'] : ['SESSION_GONE']
      check(expected.includes(error.code), `an unexpected ${error.code}: ${error.message}`)
      if (line && error.code !== 'SESSION_GONE') line.uncertain = true
    } finally {
      if (line && restless) line.unrest--
    }
  }

  async #act(
    sessions: Sessions<Data, Flash>,
    session: Session<Data, Flash>,
    request: {
      own: number
      line: Line | undefined
      actions: readonly Action[]
      browser: Browser
      number: number
      exchange: RecordedExchange
      status: number
    },
  ): Promise<void> {
    const { own, actions, browser, number, exchange, status } = request
    const began = this.#now
    let line = session.isNew ? undefined : request.line
    check(session.get('count') === undefined || line !== undefined, 'I2: an anonymous session has data')
    for (const key of session.keys()) {
      if (key.startsWith('w')) check(this.#writers.get(Number(key.slice(1))) === number, 'I2: another browser’s data')
    }
    const nothing = () => ({ increments: 0, writes: [] as number[], notes: 0, boxed: [] as number[] })
    let pending = { ...nothing(), ends: [] as Line[] }
    let moving = false
    const acknowledge = (outcome: Outcome, issued: string | null) => {
      for (const ended of pending.ends) ended.dead = true
      if (outcome === 'created' && issued !== null) {
        line = this.#begin(number, issued)
        line.inherited = new Set(session.get('box')?.items)
      }
      if (outcome !== 'created' && issued !== null && line !== undefined) {
        // A token that this commit did not issue came from a save, which only an automatic rotation lets do so here.
        this.#move(line, issued, began, outcome !== 'moved' || !moving)
      }
      if (line !== undefined && (outcome === 'created' || outcome === 'saved' || outcome === 'moved')) {
        line.count += pending.increments
        for (const write of pending.writes) line.written.add(write)
        line.notesLeft += pending.notes
        for (const item of pending.boxed) line.added.add(item)
      }
      if (outcome === 'gone' && line !== undefined) {
        const excused = line.dead || line.uncertain || line.former.size > 0 || line.unrest > 0
        check(excused, 'a session is gone that nobody ended or moved')
      }
      pending = { ...nothing(), ends: [] }
    }
    for (const action of actions) {
      switch (action.do) {
        case 'increment':
          session.increment('count')
          pending.increments++
          break
        case 'write':
          this.#writers.set(own, number)
          session.set(`w${own}`, own)
          pending.writes.push(own)
          break
        case 'mutate': {
          const box = session.get('box')
          if (box === undefined) session.set('box', { items: [own] })
          else box.items.push(own)
          pending = { ...pending, boxed: [...pending.boxed, own] }
          break
        }
        case 'read':
          session.get('count')
          break
        case 'flash':
          session.flash.set('note', own)
          pending.notes++
          break
        case 'take':
          if ((await session.flash.take('note')) !== undefined && line) line.notesTaken++
          break
        case 'regenerate':
          moving = true
          session.regenerate()
          break
        case 'login':
          moving = true
          session.login(`user${number}`)
          break
        case 'destroy':
          session.destroy()
          if (line !== undefined) pending.ends.push(line)
          pending = { ...pending, ...nothing() }
          line = undefined
          break
        case 'save':
          // What issues a token is acknowledged by the commit that hands it out.
          if (moving || line === undefined || !session.isChanged) break
          await session.save()
          acknowledge('saved', null)
          break
      }
    }
    const replaced = new Set(line?.former.keys())
    const committed = await sessions.commit(session, { status })
    check(
      committed.token === null || !replaced.has(committed.token),
      'X5: a token was handed out that had been replaced before the request came to its end',
    )
    if (status >= 500) {
      for (const ended of pending.ends) ended.dead = true
      pending = { ...nothing(), ends: [] }
    }
    acknowledge(committed.outcome, committed.token)
    const cookies = cookiesOf(exchange)
    check(cookies.length <= 1, 'I8: more than one Set-Cookie')
    check(committed.outcome !== 'gone' || cookies.length === 0, 'a request that lost its session set a cookie')
    // The response travels: answers may overtake each other.
    await this.#scheduler.schedule(Promise.resolve(), 'response arrives')
    for (const cookie of cookies) browser.token = cookie.includes('Max-Age=0') ? null : cookieValue(cookie)
  }

  #begin(browser: number, token: string): Line {
    const line: Line = {
      browser,
      token,
      former: new Map(),
      dead: false,
      unrest: 0,
      uncertain: false,
      count: 0,
      written: new Set(),
      notesLeft: 0,
      notesTaken: 0,
      boxed: new Set(),
      inherited: new Set(),
      added: new Set(),
    }
    this.#lines.push(line)
    this.#lineOf.set(token, line)
    this.#secrets.add(token)
    return line
  }

  #move(line: Line, token: string, after: number, grace: boolean): void {
    // A request that followed an automatic rotation hands out the successor once more.
    if (line.token === token || line.former.has(token)) return
    line.former.set(line.token, { after, before: this.#now, grace })
    line.token = token
    this.#lineOf.set(token, line)
    this.#secrets.add(token)
  }

  /** Whether a token certainly still leads to its session. */
  #leads(line: Line, token: string | null): boolean {
    if (token === null) return false
    const former = line.former.get(token)
    return former === undefined || (former.grace && this.#now - former.after < graceMs)
  }

  /** Whether a token certainly leads nowhere any more. */
  #isRetired(line: Line, token: string | null): boolean {
    const former = token === null ? undefined : line.former.get(token)
    return former !== undefined && (!former.grace || this.#now - former.before >= graceMs)
  }

  async #checkAtRest(): Promise<void> {
    const [sessions] = this.#nodes as [Sessions<Data, Flash>]
    for (const line of this.#lines) {
      const session = await sessions.open(line.token)
      if (line.dead) check(session.isNew, 'I3: a session that was ended is alive')
      if (line.dead || line.uncertain) continue
      check(line.notesTaken <= line.notesLeft, 'L11: a flash message was taken twice')
      check(!session.isNew, 'X5: a session that nobody ended is gone')
      check((session.get('count') ?? 0) === line.count, `X1: ${session.get('count')} of ${line.count} increments`)
      for (const write of line.written) check(session.get(`w${write}`) === write, 'X1: an acknowledged write is lost')
      const kept = session.keys().filter((key) => key.startsWith('w'))
      check(kept.length === line.written.size, 'I5: a write that was refused is there')
      this.#checkBox(line, session.get('box')?.items ?? [])
      for (const [former] of line.former) {
        if (this.#isRetired(line, former)) check((await sessions.open(former)).isNew, 'I4: a retired token works')
      }
    }
    const { entries } = await this.#inner.list({ limit: 10_000 })
    const stored = JSON.stringify(entries)
    for (const secret of this.#secrets) check(!stored.includes(secret), 'I6: the store holds a token')
    check(Object.keys(Object.prototype).length === 0, 'I7: Object.prototype has changed')
  }

  /** What was changed in place is never lost silently, and what was refused is not there. */
  #checkBox(line: Line, items: readonly number[]): void {
    for (const item of line.boxed) check(items.includes(item), 'X8: an earlier addition in place is lost')
    check(line.added.size === 0 || items.some((item) => line.added.has(item)), 'X8: additions in place are lost')
    for (const item of items) {
      const known = [line.boxed, line.added, line.inherited].some((items) => items.has(item))
      check(known, 'I5: an addition that was refused is there')
    }
    line.boxed = new Set(items)
    line.added.clear()
  }

  /** Every call waits for its turn before it is applied, and its answer waits again. */
  #scheduled(store: Store): Store {
    const turn = async <Result>(label: string, call: () => Eventually<Result>): Promise<Result> => {
      const fault = this.#atRest ? undefined : this.#faults.get(this.#calls++)
      await this.#scheduler.schedule(Promise.resolve(), label)
      if (fault === 'before') throw new Error('the connection was refused')
      const result = await call()
      await this.#scheduler.schedule(Promise.resolve(), `${label} answered`)
      if (fault === 'after') throw new Error('the answer was lost')
      return result
    }
    return {
      name: 'scheduled',
      read: (key) => turn('read', () => store.read(key)),
      create: (key, record) => turn('create', () => store.create(key, record)),
      replace: (key, record, version) => turn('replace', () => store.replace(key, record, version)),
      touch: (key, expiresAt, version) => turn('touch', () => store.touch(key, expiresAt, version)),
      delete: (key) => turn('delete', () => store.delete(key)),
    }
  }

  /** Bytes that never repeat, the same in every run of one seed. */
  #bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    const number = ++this.#drawn
    for (let i = 0; i < length; i++)
      bytes[i] = (Math.imul(number + i * 977, 2654435761) >>> 24) ^ (i < 4 ? number >>> (8 * i) : 0)
    return bytes
  }
}

function cookieValue(header: string): string {
  return header.slice(header.indexOf('=') + 1, header.indexOf(';'))
}

export function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what)
}
