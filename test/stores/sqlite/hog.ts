/** Holds the lock for writing a fifth of the time: `<client> <file> <ms>`; a copy or an import does so. Prints how often it did. */
import { writeSync } from 'node:fs'
import { openDatabase, type SqliteName } from './database.ts'

const [name = '', path = '', ms = '0'] = process.argv.slice(2)
const client = await openDatabase(name as SqliteName, path)
client.exec('PRAGMA busy_timeout = 1000')
client.exec('PRAGMA journal_mode = WAL')
let times = 0
const until = performance.now() + Number(ms)
while (performance.now() < until) {
  client.exec('BEGIN IMMEDIATE')
  await new Promise((resolve) => setTimeout(resolve, 20))
  client.exec('COMMIT')
  times += 1
  await new Promise((resolve) => setTimeout(resolve, 80))
}
writeSync(1, `${times}\n`)
client.close()
