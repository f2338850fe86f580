/**
 * Serves twenty thousand requests of all kinds in one process, and prints what its heap and its handles were at four
 * moments. Needs `--expose-gc`.
 */
import { writeSync } from 'node:fs'
import { webSession } from '../../../src/adapters/web.ts'
import { createSessions } from '../../../src/index.ts'
import { faultyStore, manualClock, memoryStore } from '../../../src/testing/index.ts'

const total = 20_000
const clock = manualClock()
const store = faultyStore(memoryStore({ clock }))
const sessions = createSessions({ store, clock, idleTimeout: '5m', rotateEvery: '2m', storeTimeout: '1s' })
const events = new Map<string, number>()
for (const name of ['created', 'rotated', 'destroyed', 'invalid', 'gone', 'token-conflict'] as const) {
  sessions.on(name, ({ type }) => events.set(type, (events.get(type) ?? 0) + 1))
}

const handle = webSession(
  sessions,
  async (request) => {
    const session = sessions.of(request)
    const { pathname } = new URL(request.url)
    if (pathname === '/write')
      session.update('items', (items: unknown) => [...((items as number[]) ?? []).slice(-5), 1])
    if (pathname === '/mutate') (session.get('items') as number[] | undefined)?.push(2)
    if (pathname === '/flash') session.flash.set('notice', 'hello')
    if (pathname === '/take') await session.flash.take('notice')
    if (pathname === '/login') session.login('ada')
    if (pathname === '/regenerate') session.regenerate()
    if (pathname === '/destroy') session.destroy()
    if (pathname === '/save') {
      session.set('saved', true)
      await session.save()
    }
    if (pathname === '/throw') throw new Error('on purpose')
    if (pathname === '/unstorable') session.set('value', () => 1)
    return new Response(String(session.get('items') ?? ''))
  },
  { onError: () => undefined },
)

const paths = [
  'read',
  'write',
  'mutate',
  'flash',
  'take',
  'login',
  'regenerate',
  'destroy',
  'save',
  'throw',
  'unstorable',
]
const jars: string[] = Array.from({ length: 50 }, () => '')
const counts: Record<number, number> = {}
let requests = 0

async function visit(jar: number, path: string): Promise<void> {
  const hostile = requests % 17 === 0 ? `__Host-sid=${'x'.repeat(requests % 60)}` : jars[jar]
  const headers = hostile ? { cookie: hostile } : {}
  requests++
  const response = await handle(new Request(`https://example.org/${path}`, { headers }))
  await response.text()
  counts[response.status] = (counts[response.status] ?? 0) + 1
  const [cookie] = response.headers.getSetCookie()
  if (cookie !== undefined) jars[jar] = cookie.includes('Max-Age=0') ? '' : (cookie.split(';')[0] ?? '')
}

const heap: number[] = []
const handles: number[] = []
while (requests < total) {
  clock.advance(1000)
  // Two requests of each visitor overlap; now and then the store fails, or has forgotten everything.
  const turn = requests / 100
  if (turn % 10 === 9) store.faults.fail('*', { when: () => requests % 3 === 0 })
  const works: Promise<void>[] = []
  for (let each = 0; each < 100; each++) works.push(visit(each % 50, paths[(each * 7 + turn) % paths.length] ?? 'read'))
  await Promise.all(works)
  store.faults.clear()
  store.calls.length = 0
  if (turn % 20 === 0) jars.fill('')
  if (requests % (total / 4) === 0) {
    clock.advance(3_600_000)
    await sessions.sweep()
    jars.fill('')
    for (let round = 0; round < 3; round++) {
      await new Promise((resolve) => setTimeout(resolve, 5))
      ;(globalThis as { gc?: () => void }).gc?.()
    }
    heap.push(process.memoryUsage().heapUsed)
    handles.push(process.getActiveResourcesInfo().filter((name) => name !== 'Timeout').length)
  }
}
writeSync(1, JSON.stringify({ requests, heap, handles, counts, events: Object.fromEntries(events) }))
await sessions.close()
