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
  const session = await openUpgrade(sessions, request)
  // Only for visitors who have been here: an upgrade has no response that could set a cookie.
  if (session.isNew) return socket.destroy()
  sockets.handleUpgrade(request, socket, head, (websocket) => {
    websocket.on('message', async () => {
      const messages = session.increment('messages')
      await session.save()
      websocket.send(`Message ${messages} after ${session.get('visits')} visits`)
    })
  })
})

server.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1', () =>
  console.log(`http://localhost:${(server.address() as AddressInfo).port}`),
)
