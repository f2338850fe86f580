// @ts-check
// What a new adapter begins as: middleware of Node's kind, `(req, res, next)`, that passes the suite, to be rewritten for
// its framework. It is made of Express's adapter, so that it goes the same way as that one does now.
import { insertBefore, withDoor } from './insert.mjs'

const model = 'src/adapters/express.ts'

/**
 * @param {import('./new.mjs').Names} names
 * @param {(path: string) => string} read
 * @returns {import('./new.mjs').Plan}
 */
export function adapterFiles({ name, camel, pascal, words }, read) {
  return {
    created: {
      [`src/adapters/${name}.ts`]: source(read(model), camel, pascal, words),
      [`test/adapters/${name}.test.ts`]: test(name, camel),
      [`docs/adapters/${name}.md`]: page(name, camel, words),
      [`examples/${name}/server.ts`]: example(name, camel, words),
      [`.changes/minor.${name}-adapter.md`]: `An adapter for ${words}: \`${camel}Session\`.\n`,
    },
    changed: {
      'package.json': (text) => withDoor(text, `./${name}`, `adapters/${name}`, './testing'),
      'README.md': (text) =>
        insertBefore(
          text,
          '| `coatcheck/stores/memory`',
          `| \`coatcheck/${name}\` | \`${camel}Session\` for ${words} |\n`,
        ),
    },
  }
}

/** @param {string} express @param {string} camel @param {string} pascal @param {string} words */
function source(express, camel, pascal, words) {
  const ofNode = replaced(
    express,
    /^import type \{ Request, RequestHandler \} from 'express'\n/,
    "import type { IncomingMessage, ServerResponse } from 'node:http'\n",
  )
  const typed = ofNode
    .replaceAll(/\bRequestHandler\b/g, `${pascal}Handler`)
    .replaceAll(/\bRequest\b/g, 'IncomingMessage')
  const named = replaced(typed, /\bexpressSession\b/g, `${camel}Session`).replaceAll(
    'ExpressSession',
    `${pascal}Session`,
  )
  const described = replaced(
    named,
    /\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n(?=export function )/,
    `/** Middleware of ${words}. */
export type ${pascal}Handler = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void

/**
 * Sessions for ${words}: \`${camel}Session(sessions)\` before the handlers, then \`sessions.of(req)\` in any of them.
 *
 * The response begins when the store has acknowledged the session. A store that does not answer goes to \`next(error)\`
 * with \`error.status\` 503. Mounted twice, it counts once.
 */
`,
  )
  return described.replaceAll(/\bExpress\b/g, words)
}

/**
 * @param {string} text
 * @param {RegExp} pattern
 * @param {string} by
 */
function replaced(text, pattern, by) {
  if (text.search(pattern) === -1)
    throw new Error(`${model} has nothing like ${pattern} any more: adapt tools/new-adapter.mjs`)
  return text.replace(pattern, () => by)
}

/** @param {string} name @param {string} camel */
function test(name, camel) {
  return `import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { describe, it } from 'vitest'
import { ${camel}Session } from '../../src/adapters/${name}.ts'
import type { Sessions } from '../../src/index.ts'
import { type AdapterHandler, adapterCases, type StartAdapter } from '../../src/testing/index.ts'
import { serveHttp } from '../fixtures/servers.ts'

/** Serves the suite's application behind the adapter, and what goes to \`next\` as the framework would. */
const start: StartAdapter = (sessions, handle, { mounts = 1 }: { readonly mounts?: number } = {}) => {
  const middleware = Array.from({ length: mounts }, () => ${camel}Session(sessions, { onError: () => undefined }))
  return serveHttp((req, res) => {
    const fail = (error: unknown): void => {
      res.statusCode = (error as { status?: number }).status ?? 500
      res.end()
    }
    const next = (at: number) => (error?: unknown) => {
      const following = middleware[at]
      if (error !== undefined) fail(error)
      else if (following === undefined) serve(sessions, handle, req, res).catch(fail)
      else following(req, res, next(at + 1))
    }
    next(0)()
  })
}

async function serve(
  sessions: Sessions,
  handle: AdapterHandler,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const { method = 'GET', url = '/' } = req
  const request = { method, path: url.split('?')[0] ?? '/', body: await text(req), carriers: [req] }
  const { status, headers = [], body } = await handle(sessions.of(req), request)
  // A text, or bytes to be sent as they come.
  const content: unknown = body
  res.statusCode = status
  for (const [name, value] of headers) res.appendHeader(name, value)
  if (content instanceof ReadableStream) Readable.from(content).pipe(res)
  else res.end(content)
}

describe('${camel}Session fulfils the adapter contract', () => {
  for (const { title, run } of adapterCases(start)) it(title, run)
})
`
}

/** @param {string} name @param {string} camel @param {string} words */
function page(name, camel, words) {
  return `# ${words}

\`\`\`ts
import { ${camel}Session } from 'coatcheck/${name}'

const session = ${camel}Session(sessions)
server.on('request', (req, res) => {
  session(req, res, () => res.end(sessions.of(req).get('theme')))
})
\`\`\`

[A runnable example](../../examples/${name}/server.ts).

The response begins when the store has acknowledged the save. If the save fails the client gets a 503 instead, and \`onError\`
is told (default: \`console.error\`). A store that fails when the session is opened goes to \`next(error)\` with \`error.status\`
503. \`when: (req) => boolean\` leaves requests out; mounted twice, it counts once.
`
}

/** @param {string} name @param {string} camel @param {string} words */
function example(name, camel, words) {
  return `// Counts visits with the adapter of ${words}. Run: node tools/run-ts.mjs examples/${name}/server.ts
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createSessions } from 'coatcheck'
import { ${camel}Session } from 'coatcheck/${name}'

const sessions = createSessions<{ visits: number }>()
const session = ${camel}Session(sessions)

const server = createServer((req, res) => {
  session(req, res, (error) => {
    if (error === undefined) return res.end(\`Visit \${sessions.of(req).increment('visits')}\\n\`)
    res.statusCode = 503
    res.end()
  })
})
server.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1', () => {
  console.log(\`http://localhost:\${(server.address() as AddressInfo).port}\`)
})
`
}
