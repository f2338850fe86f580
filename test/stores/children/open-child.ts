// Opens the store of its argument, writes and reads a record, closes, and prints what came of it. It does not exit: it
// ends when nothing is left that keeps it running.
import { openStore } from '../../../src/stores/index.ts'

const [text = '', key = 'a-key-of-an-opened-store'] = process.argv.slice(2)
let outcome: unknown
try {
  const store = await openStore(text)
  try {
    if (!('read' in store)) throw new Error('a sealed store')
    await store.create(key, { payload: 'of a child', version: 1, expiresAt: Date.now() + 60_000 })
    outcome = await store.read(key)
  } finally {
    await store.close()
  }
} catch (error) {
  outcome = { code: (error as { code?: string }).code, message: (error as Error).message }
}
console.log(JSON.stringify(outcome))
