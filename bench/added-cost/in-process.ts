import { createSessions, type Session, type Sessions } from 'coatcheck'
import { memoryStore } from 'coatcheck/stores/memory'
import { webSession } from 'coatcheck/web'
import { PlainExchange } from '../plain-exchange.ts'
import type { Contestant } from '../samplers.ts'
import { ofSize, type Visitor, visitor } from '../sessions-data.ts'
import { createFloor } from './floor.ts'

/** The contestants that share a process. Those that enter an AsyncLocalStorage make every promise after them dearer. */
export type Group = 'plain' | 'context' | 'fetch-bare' | 'fetch'

/** Enough that no two requests in a row find the same session in the processor's cache. */
const visitors = 1000

export const groups: Record<Group, () => Promise<Record<string, Contestant>>> = {
  async plain() {
    const sessions = createSessions<Visitor>({ store: memoryStore() })
    const cookies = await signIn(sessions, visitor)
    const floor = createFloor()
    const floorCookies = await Promise.all(Array.from({ length: visitors }, () => floor.login(visitor)))
    return {
      'floor, read + write': (turn) => floor.count(at(floorCookies, turn)),
      'floor, read only': (turn) => floor.read(at(floorCookies, turn)),
      'coatcheck, read + write': async (turn) => {
        const session = await sessions.open(exchange(at(cookies, turn)))
        session.increment('count')
        expectOutcome(await sessions.commit(session, { status: 200 }), 'saved')
      },
      'coatcheck, read only': async (turn) => {
        const session = await sessions.open(exchange(at(cookies, turn)))
        session.get('count')
        expectOutcome(await sessions.commit(session, { status: 200 }), 'nothing')
      },
      'coatcheck, anonymous': async () => {
        const session = await sessions.open(new PlainExchange({ host: 'localhost' }))
        expectOutcome(await sessions.commit(session, { status: 200 }), 'nothing')
      },
      'without run()': withHandler(sessions, cookies, (session) => handle(session)),
      ...(await growth(1)),
      ...(await growth(10)),
      ...(await growth(64)),
    }
  },

  async context() {
    const sessions = createSessions<Visitor>({ store: memoryStore() })
    const cookies = await signIn(sessions, visitor)
    return {
      'with run()': withHandler(sessions, cookies, (session) => sessions.adapter.run(session, () => handle(session))),
    }
  },

  async 'fetch-bare'() {
    let count = 0
    const handler = async (): Promise<Response> => Response.json({ count: count++ })
    return { bare: (turn) => answer(handler, `theme=dark; sid=${turn}`) }
  },

  async fetch() {
    const sessions = createSessions<Visitor>({ store: memoryStore() })
    const cookies = await signIn(sessions, visitor)
    const write = webSession(sessions, async (request) =>
      Response.json({ count: sessions.of(request).increment('count') }),
    )
    const read = webSession(sessions, async (request) => Response.json({ count: sessions.of(request).get('count') }))
    return {
      'read + write': (turn) => answer(write, at(cookies, turn)),
      'read only': (turn) => answer(read, at(cookies, turn)),
    }
  },
}

/** What touching one key costs in a session of this size, beside the JSON work that nobody can avoid. */
async function growth(kilobytes: number): Promise<Record<string, Contestant>> {
  const data = ofSize(kilobytes)
  const sessions = createSessions<Visitor>({ store: memoryStore() })
  const [cookie] = await signIn(sessions, data, 1)
  let text = JSON.stringify({ createdAt: Date.now(), data })
  return {
    [`JSON, ${kilobytes} kB`]: async () => {
      const envelope = JSON.parse(text)
      envelope.data.count += 1
      text = JSON.stringify(envelope)
    },
    [`coatcheck, ${kilobytes} kB`]: async () => {
      const session = await sessions.open(exchange(cookie ?? ''))
      session.increment('count')
      expectOutcome(await sessions.commit(session, { status: 200 }), 'saved')
    },
    [`coatcheck, ${kilobytes} kB handed out`]: async () => {
      const session = await sessions.open(exchange(cookie ?? ''))
      session.get('history')
      session.increment('count')
      expectOutcome(await sessions.commit(session, { status: 200 }), 'saved')
    },
  }
}

async function signIn(sessions: Sessions<Visitor>, data: Visitor, count = visitors): Promise<string[]> {
  const cookies: string[] = []
  for (let i = 0; i < count; i++) {
    const session = await sessions.open(null)
    for (const [key, value] of Object.entries(structuredClone(data))) session.set(key, value)
    const { token } = await sessions.commit(session)
    cookies.push(`theme=dark; __Host-sid=${token}`)
  }
  return cookies
}

function withHandler(
  sessions: Sessions<Visitor>,
  cookies: readonly string[],
  serve: (session: Session<Visitor>) => Promise<unknown>,
): Contestant {
  return async (turn) => {
    const session = await sessions.open(exchange(at(cookies, turn)))
    await serve(session)
    expectOutcome(await sessions.commit(session, { status: 200 }), 'saved')
  }
}

/** A handler that waits three times, as for a database. */
async function handle(session: Session<Visitor>): Promise<void> {
  for (let waits = 0; waits < 3; waits++) await null
  session.increment('count')
}

async function answer(handler: (request: Request) => Promise<Response>, cookie: string): Promise<void> {
  const response = await handler(new Request('https://shop.example/', { headers: { cookie } }))
  if (response.status !== 200) throw new Error(`status ${response.status}`)
}

function exchange(cookie: string): PlainExchange {
  return new PlainExchange({ host: 'localhost', cookie })
}

function at(cookies: readonly string[], turn: number): string {
  return cookies[turn % cookies.length] ?? ''
}

/** A bench of requests that failed would be a fast one. */
function expectOutcome(committed: { outcome: string }, outcome: string): void {
  if (committed.outcome !== outcome) throw new Error(`the commit answered ${committed.outcome}, not ${outcome}`)
}
