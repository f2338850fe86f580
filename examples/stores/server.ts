// Counts visits in whatever store the environment names. Run:
//   STORE=redis://localhost:6379 node tools/run-ts.mjs examples/stores/server.ts
// docs/stores/open.md lists the texts; "cookie:" also needs SECRET="$(openssl rand -base64 32)".
import type { AddressInfo } from 'node:net'
import { createSessions } from 'coatcheck'
import { expressSession } from 'coatcheck/express'
import { openStore } from 'coatcheck/stores'
import express from 'express'

const store = await openStore(process.env['STORE'] ?? 'memory:')
const sessions = createSessions<{ visits: number }>({ store, secret: process.env['SECRET'] })

const app = express()
app.use(expressSession(sessions))
app.get('/', (req, res) => {
  res.send(`Visit ${sessions.of(req).increment('visits')}, kept by ${store.name}.\n`)
})

const server = app.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1', () => {
  console.log(`http://localhost:${(server.address() as AddressInfo).port}`)
})

process.once('SIGTERM', () => {
  server.close(async () => {
    // Closes the store, too, and with it the client that was opened for it.
    await sessions.close()
  })
  server.closeIdleConnections()
})
