/**
 * Uses sessions in one of several ways (`<mode>`), prints `done`, lets go, and prints at its exit how many ms it took to
 * end by itself.
 */
import { writeSync } from 'node:fs'
import { createSessions } from '../../../../src/index.ts'
import { faultyStore, memoryStore } from '../../../../src/testing/index.ts'

const [mode = ''] = process.argv.slice(2)
const store = faultyStore(memoryStore())
// Longer than anybody would wait: a timer that keeps the process alive shows.
const sessions = createSessions({ store, storeTimeout: mode === 'timed-out' ? 50 : '30s' })

const session = await sessions.open(null)
session.set('name', 'Ada')
const { token } = await sessions.commit(session)
if (mode === 'failed') store.faults.fail('*')
if (mode === 'timed-out') store.faults.hang('*')
if (mode === 'sweeping') {
  await sessions.startSweeper({ every: '1h' })
  await sessions.startSweeper({ every: '0 3 * * *' })
}
const outcome = await sessions.open(token).then(
  () => 'opened',
  (error: { code: string }) => error.code,
)
const expected = { failed: 'STORE_FAILED', 'timed-out': 'STORE_TIMEOUT' }[mode] ?? 'opened'
if (outcome !== expected) throw new Error(`unexpected: ${outcome}`)
writeSync(1, 'done\n')
const ended = performance.now()
process.on('exit', () => writeSync(1, `${Math.round(performance.now() - ended)}\n`))
