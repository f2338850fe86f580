/**
 * An application with sessions in files (`<directory>`): each path begins a session that holds it, after some work. Prints
 * its origin; on SIGTERM takes no more connections, finishes the requests it has, closes its sessions, and ends by itself.
 */
import { writeSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { nodeSession } from '../../../src/adapters/node.ts'
import { createSessions } from '../../../src/index.ts'
import { fileStore } from '../../../src/stores/file/index.ts'

const [directory = ''] = process.argv.slice(2)
const sessions = createSessions({ store: fileStore({ directory }) })
await sessions.startSweeper({ every: '10m' })

const server = createServer(
  nodeSession(sessions, async (req, res) => {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 20))
    sessions.of(req).set('number', (req.url ?? '').slice(1))
    res.end('stored')
  }),
)
server.listen(0, '127.0.0.1', () => {
  writeSync(1, `http://127.0.0.1:${(server.address() as AddressInfo).port}\n`)
})
process.once('SIGTERM', () => {
  server.close(() => void sessions.close())
})
