import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { createSessions, type Session } from 'coatcheck'
import { nodeSession } from 'coatcheck/node'
import { type Visitor, visitor } from '../sessions-data.ts'
import { backends, type Counted } from './backends.ts'

/** The commands that one kind of request took. */
interface Line {
  readonly request: string
  readonly commands: readonly string[]
  /** What P3 wants, where it wants something and has not got it. */
  readonly missed?: string
}

export interface CommandTable {
  readonly backend: string
  readonly lines: readonly Line[]
}

/** One kind of request. */
interface Step {
  readonly request: string
  /** What the application does in it. */
  readonly path: keyof typeof handlers
  /** The cookie it carries; default: the session's. */
  readonly cookie?: string
  /** Ms that pass before it. */
  readonly after?: number
  /** What P3 allows: so many commands, none of which writes. */
  readonly budget?: { readonly commands: number; readonly writes: boolean }
}

const handlers = {
  '/nothing': () => undefined,
  '/read': (session: Session<Visitor>) => session.get('count'),
  '/write'(session: Session<Visitor>) {
    if (session.isNew) for (const [key, value] of Object.entries(visitor)) session.set(key, value)
    return session.increment('count')
  },
  '/login': (session: Session<Visitor>) => session.login('user-1'),
  '/regenerate': (session: Session<Visitor>) => session.regenerate(),
  '/destroy': (session: Session<Visitor>) => session.destroy(),
}

const minute = 60_000
const readOnly = { commands: 1, writes: false }
const readAndWrite = { commands: 2, writes: true }

/** In this order, with one session that begins and ends on the way. */
const steps: readonly Step[] = [
  { request: 'no cookie, only reads', path: '/read', cookie: '', budget: { commands: 0, writes: false } },
  { request: 'malformed cookie', path: '/read', cookie: '__Host-sid=no-token', budget: { commands: 0, writes: false } },
  { request: 'unknown token', path: '/read', cookie: `__Host-sid=${'A'.repeat(43)}`, budget: readOnly },
  { request: 'first write', path: '/write', cookie: '' },
  { request: 'session not used', path: '/nothing', budget: readOnly },
  { request: 'read only', path: '/read', budget: readOnly },
  { request: 'read + write', path: '/write', budget: readAndWrite },
  { request: 'read only, past renewAfter', path: '/read', after: 4 * minute, budget: readAndWrite },
  { request: 'regenerate', path: '/regenerate' },
  { request: 'login', path: '/login' },
  { request: 'read only, signed in', path: '/read', budget: readOnly },
  { request: 'read + write, signed in', path: '/write', budget: readAndWrite },
  { request: 'read only, signed in, past renewAfter', path: '/read', after: 4 * minute, budget: readAndWrite },
  { request: 'destroy', path: '/destroy' },
]

/** The backends that P3 names. */
const named = /^(redis|postgres|mysql) /
const reads = new Set(['GET', 'SELECT', 'gets', 'get', 'find'])

/** P3: what each kind of request asks of each store, as its server gets to see it. */
export async function commandTables(): Promise<CommandTable[]> {
  const tables: CommandTable[] = []
  for (const [backend, open] of Object.entries(backends)) {
    let now = Date.now()
    const clock = () => now
    const counted = await open(clock).catch((error: unknown) => {
      if (named.test(backend)) throw error
      // Its server is a jar, which not every machine has.
      console.log(`${backend} is left out: ${String(error).split('\n')[0]}`)
    })
    if (counted === undefined) continue
    try {
      const pass = () =>
        requestsOn(counted, clock, (ms) => {
          now += ms
        })
      // The first pass prepares statements and loads scripts.
      await pass()
      const lines = (await pass()).map(({ step, commands }) => judged(step, commands, named.test(backend)))
      tables.push({ backend, lines })
    } finally {
      await counted.close()
    }
  }
  return tables
}

export function printCommands({ backend, lines }: CommandTable): void {
  console.log(`\n${backend}`)
  for (const { request, commands, missed } of lines) {
    const verdict = missed === undefined ? '' : `   MISSED: ${missed}`
    console.log(`  ${request.padEnd(40)}${commands.length}  ${commands.join(' ')}${verdict}`)
  }
}

async function requestsOn(
  { store, taken }: Counted,
  clock: () => number,
  pass: (ms: number) => void,
): Promise<{ step: Step; commands: string[] }[]> {
  const sessions = createSessions<Visitor>({ store, clock, storeTimeout: '30s' })
  const server = createServer(
    nodeSession(sessions, (req, res) => {
      const handler = handlers[req.url as keyof typeof handlers]
      res.end(JSON.stringify({ answer: handler(sessions.of(req)) }))
    }),
  ).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const seen: { step: Step; commands: string[] }[] = []
  let cookie = ''
  try {
    for (const step of steps) {
      pass(step.after ?? 0)
      taken()
      const response = await fetch(`${origin}${step.path}`, { headers: { cookie: step.cookie ?? cookie } })
      const body = await response.text()
      if (response.status !== 200) throw new Error(`${step.request}: ${response.status} ${body}`)
      const [set] = response.headers.getSetCookie()
      if (set !== undefined) cookie = set.split(';')[0] ?? ''
      // What the response did not wait for counts as well.
      await setTimeout(50)
      seen.push({ step, commands: taken() })
    }
  } finally {
    server.close()
    server.closeAllConnections()
  }
  return seen
}

function judged({ request, budget }: Step, commands: readonly string[], isNamed: boolean): Line {
  if (!isNamed || budget === undefined) return { request, commands }
  if (commands.length !== budget.commands) return { request, commands, missed: `P3 wants ${budget.commands}` }
  const wrote = commands.some((command) => !reads.has(command))
  return wrote === budget.writes ? { request, commands } : { request, commands, missed: 'P3 wants no write' }
}
