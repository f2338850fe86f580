// A visit counter on node:http, and a WebSocket that shares the session. Run: node tools/run-ts.mjs examples/node/server.ts
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createSessions } from 'coatcheck'
import { nodeSession, openUpgrade } from 'coatcheck/node'
import { WebSocketServer } from 'ws'

const sessions = createSessions<{ visits: number; messages: number }>()

const server = createServer(
  nodeSession(sessions, (req, res) => {
    res.end(`Visit ${sessions.of(req).increment('visits')}\n`)
  }),
)

const sockets = new WebSocketServer({ noServer: true })
server.on('upgrade', async (request, socket, head) => {
  // A client that disconnects now must not end the process.
  socket.on('error', () => socket.destroy())
  try {
    const session = await openUpgrade(sessions, request)
    // Only for visitors who have been here: an upgrade has no response that could set a cookie.
    if (session.isNew) return socket.destroy()
    sockets.handleUpgrade(request, socket, head, (websocket) => {
      const close = () => websocket.close(4401)
      // An open socket counts as use; the heartbeat also learns of a logout.
      const heartbeat = setInterval(() => {
        session.touch()
        session.save().catch(close)
      }, 60_000)
      websocket.on('close', () => clearInterval(heartbeat))
      websocket.on('error', close)
      websocket.on('message', async () => {
        try {
          await session.reload()
          const messages = session.increment('messages')
          await session.save()
          websocket.send(`Message ${messages} after ${session.get('visits')} visits`)
        } catch {
          // Signed out elsewhere, or the store failed: the client may connect again.
          close()
        }
      })
    })
  } catch {
    socket.destroy()
  }
})

server.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1', () =>
  console.log(`http://localhost:${(server.address() as AddressInfo).port}`),
)
