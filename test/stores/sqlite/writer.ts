/**
 * Writes about 100 records a second: `<client> <file> <ms>`. Makes the table first, as every process does. Prints a line
 * of JSON for each write that was acknowledged, and for each error.
 */
import { writeSync } from 'node:fs'
import { sqliteStore } from '../../../src/stores/sqlite/index.ts'
import { openDatabase, type SqliteName } from './database.ts'

const [name = '', path = '', ms = '0'] = process.argv.slice(2)
const client = await openDatabase(name as SqliteName, path)
const print = (line: object): void => void writeSync(1, `${JSON.stringify(line)}\n`)
const report = (error: unknown): void => print({ error: String(error) })
const expiresAt = Date.now() + 3_600_000
const payload = 'x'.repeat(2000)
let number = 0

try {
  const store = sqliteStore({ client })
  await store.createTable()
  print({ ready: true })
  const until = performance.now() + Number(ms)
  while (performance.now() < until) {
    const key = `record-of-process-${process.pid}-${number++}`
    if (await store.create(key, { payload, version: 1, expiresAt })) print({ key, version: 1 })
    if (await store.replace(key, { payload, version: 2, expiresAt }, 1)) print({ key, version: 2 })
    await store.touch(key, expiresAt + 1, 2)
    await new Promise((resolve) => setTimeout(resolve, 15))
  }
} catch (error) {
  report(error)
}
client.close()
