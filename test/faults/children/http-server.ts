/** Serves sessions of a shared store over HTTP: `<text for openStore>`. Prints its port. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { nodeSession } from '../../../src/adapters/node.ts'
import { createSessions } from '../../../src/index.ts'
import { openStore } from '../../../src/stores/index.ts'

const [text = ''] = process.argv.slice(2)
const sessions = createSessions<{ count: number; log: string[] }>({
  store: await openStore(text),
  storeTimeout: '60s',
})

/** Whoever saves in a session that has moved meanwhile is answered with 409, and that is all. */
function onError(error: unknown): void {
  if ((error as { code?: string }).code !== 'SESSION_GONE') console.error(error)
}

const server = createServer(
  nodeSession(
    sessions,
    async (req, res) => {
      const session = sessions.of(req)
      const { pathname, searchParams } = new URL(req.url ?? '/', 'http://localhost')
      if (pathname === '/increment') session.increment('count')
      if (pathname === '/save-increment') {
        session.increment('count')
        await session.save()
      }
      if (pathname === '/log') session.push('log', searchParams.get('entry') ?? '')
      if (pathname === '/login') session.login('ada')
      if (pathname === '/logout') session.logout()
      res.end(
        JSON.stringify({ count: session.get('count') ?? null, log: session.get('log') ?? [], user: session.userId }),
      )
    },
    { onError },
  ),
)
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
