import type { AddressInfo } from 'node:net'
import { createApp } from './app.ts'
import { sessions } from './sessions.ts'
import { host, port } from './settings.ts'

await sessions.ready()
// Expired sessions are refused from the first ms on; the sweeper only removes their files.
await sessions.startSweeper({ every: '30m' })

const server = createApp().listen(port, host, (error?: Error) => {
  if (error) {
    console.error(`The shop can not open: ${error.message}`)
    process.exitCode = 1
    return closeShop()
  }
  // Not the numeric address: browsers take the `Secure` session cookie over plain http from "localhost" only.
  console.log(`The shop is open: http://localhost:${(server.address() as AddressInfo).port}`)
})

/** How long a request that is being answered may still take. */
const patienceMs = 2000

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, closeShop)

/** Answers what is under way, then lets go of the sessions; the process ends when nothing is left to do. */
function closeShop(): void {
  server.close(() => sessions.close().then(() => console.log('The shop is closed.'), console.error))
  // Browsers open connections ahead of need, and those never become idle: they would keep the server for a minute.
  setTimeout(() => server.closeAllConnections(), patienceMs).unref()
}
