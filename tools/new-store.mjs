// @ts-check
// What a new store begins as: a store over a Map that passes the suite, to be rewritten for its backend one operation at
// a time.
import { insertBefore, withDoor } from './insert.mjs'

/**
 * @param {import('./new.mjs').Names} names
 * @returns {import('./new.mjs').Plan}
 */
export function storeFiles({ name, camel, pascal }) {
  return {
    created: {
      [`src/stores/${name}/index.ts`]: source(name, camel, pascal),
      [`test/stores/${name}.test.ts`]: test(name, camel),
      [`docs/stores/${name}.md`]: page(name, camel),
      [`examples/${name}-store/server.ts`]: example(name, camel),
      [`.changes/minor.${name}-store.md`]: `\`${camel}Store\` keeps sessions in ${pascal}.\n`,
    },
    changed: {
      'package.json': (text) => withDoor(text, `./stores/${name}`, `stores/${name}/index`, './transports'),
      'test/fixtures/backends.ts': (text) =>
        insertBefore(text, '} satisfies Record<string, Backend>', row(name, camel)),
      'README.md': (text) =>
        insertBefore(
          text,
          '| `coatcheck/stores/sealed-cookie`',
          `| \`coatcheck/stores/${name}\` | \`${camel}Store\` |\n`,
        ),
    },
  }
}

/** @param {string} name @param {string} camel @param {string} pascal */
function source(name, camel, pascal) {
  const touch = `    async touch(key, expiresAt, expectedVersion) {
      const record = live(key)
      if (record?.version !== expectedVersion) return false
`
  return `import type { Closing, Listing, Store, StoredRecord, Sweeping, UserIndex } from '../../contract/store.ts'

export interface ${pascal}StoreOptions {
  /** Holds the records; the caller owns it. Default: one of its own. */
  readonly client?: Map<string, StoredRecord>
  /** The time in epoch ms. Default: \`Date.now\`. */
  readonly clock?: () => number
}

/**
 * Keeps sessions in a \`Map\`.
 *
 * Each operation is one step: nothing can come between its check and its change.
 */
export function ${camel}Store(
  options: ${pascal}StoreOptions = {},
): Store & Sweeping & Listing & UserIndex & Closing {
  const { client, clock = Date.now } = options
  const records = client ?? new Map<string, StoredRecord>()

  function live(key: string): StoredRecord | null {
    const record = records.get(key)
    return record !== undefined && clock() < record.expiresAt ? { ...record } : null
  }

  return {
    name: '${name}',
    async read(key) {
      return live(key)
    },
    async create(key, record) {
      if (live(key) !== null) return false
      records.set(key, { ...record })
      return true
    },
    async replace(key, record, expectedVersion) {
      if (live(key)?.version !== expectedVersion) return false
      records.set(key, { ...record })
      return true
    },
${touch}      records.set(key, { ...record, expiresAt })
      return true
    },
    async delete(key) {
      records.delete(key)
    },
    async sweep(now, { limit }) {
      const expired = [...records].filter(([, { expiresAt }]) => expiresAt <= now).slice(0, limit)
      for (const [key] of expired) records.delete(key)
      return expired.length
    },
    async list({ cursor = null, limit, prefix = '' }) {
      const keys = [...records.keys()].filter((key) => key.startsWith(prefix) && (cursor === null || key > cursor)).sort()
      const page = keys.slice(0, limit)
      const entries = page.flatMap((key) => {
        const record = live(key)
        return record === null ? [] : [{ key, record }]
      })
      return { entries, cursor: page.length < keys.length ? (page.at(-1) ?? null) : null }
    },
    async count() {
      return [...records.keys()].filter((key) => live(key) !== null).length
    },
    async keysOf(userId) {
      return [...records.keys()].filter((key) => live(key)?.userId === userId)
    },
    async close() {
      // A client that was handed in stays as it is.
      if (client === undefined) records.clear()
    },
  }
}
`
}

/** @param {string} name @param {string} camel */
function test(name, camel) {
  return `import { describe, it } from 'vitest'
import { ${camel}Store } from '../../src/stores/${name}/index.ts'
import { storeCases } from '../../src/testing/index.ts'

describe('${camel}Store fulfils the store contract', () => {
  for (const { title, run } of storeCases(({ clock }) => ${camel}Store({ clock }))) it(title, run)
})
`
}

/** @param {string} name @param {string} camel */
function page(name, camel) {
  return `# ${camel}Store

\`\`\`ts
import { ${camel}Store } from 'coatcheck/stores/${name}'

createSessions({ store: ${camel}Store() })
\`\`\`

[A runnable example](../../examples/${name}-store/server.ts).

**When.** A single process that may forget everybody when it restarts.

**Options.** \`client\` (a \`Map\`; default: one of its own), \`clock\` (default \`Date.now\`).

**Layout.** A record under its key.

**Guarantees.** Every operation is atomic. Expired records are dead at once; \`sweep\` removes them.

**Limits.** One process. Everything is lost when it ends.
`
}

/** @param {string} name @param {string} camel */
function example(name, camel) {
  return `// Counts visits in a ${camel}Store. Run: node tools/run-ts.mjs examples/${name}-store/server.ts
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createSessions } from 'coatcheck'
import { nodeSession } from 'coatcheck/node'
import { ${camel}Store } from 'coatcheck/stores/${name}'

const sessions = createSessions<{ visits: number }>({ store: ${camel}Store() })

const server = createServer(
  nodeSession(sessions, (req, res) => {
    res.end(\`Visit \${sessions.of(req).increment('visits')}\\n\`)
  }),
)
server.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1', () => {
  console.log(\`http://localhost:\${(server.address() as AddressInfo).port}\`)
})
`
}

/** @param {string} name @param {string} camel */
function row(name, camel) {
  return `  ${name.includes('-') ? `'${name}'` : name}: {
    schemes: [],
    can: ['sweep', 'list', 'users'],
    clients: alone(async ({ clock }) => {
      const { ${camel}Store } = await import('../../src/stores/${name}/index.ts')
      return ${camel}Store(clocked(clock))
    }),
    texts: () => [],
    when: 'one process',
    processes: 'one',
    restart: 'no',
    failover: 'everything',
  },
`
}
