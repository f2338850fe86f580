import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { canRun, openedRows, serverRows } from '../fixtures/backends.ts'
import { bundleChild } from '../fixtures/children.ts'
import { serverOf } from '../services/address.ts'

interface Outcome {
  readonly payload?: string
  readonly code?: string
  readonly message?: string
}

let folder: string
let child: string

beforeAll(async () => {
  // Outside of the repository, where no package is found.
  folder = await mkdtemp(join(tmpdir(), 'coatcheck-no-packages-'))
  child = join(folder, 'child.mjs')
  await cp(await bundleChild(new URL('./children/open-child.ts', import.meta.url)), child)
})

afterAll(async () => rm(folder, { recursive: true }))

/** What a process that has only these packages makes of a text. It fails if the process does not end by itself. */
async function outcomeOf(text: string, packages: readonly string[] = []): Promise<Outcome> {
  const modules = join(folder, 'node_modules')
  await rm(modules, { recursive: true, force: true })
  await mkdir(modules)
  for (const name of packages) await symlink(packageFolder(name), join(modules, name))
  const { stdout } = await promisify(execFile)(process.execPath, [child, text, `key-${Date.now()}-of-a-child`], {
    timeout: 20_000,
  })
  return JSON.parse(stdout) as Outcome
}

function packageFolder(name: string): string {
  const entry = createRequire(import.meta.url).resolve(name)
  return entry.slice(0, entry.indexOf(join('node_modules', name)) + join('node_modules', name).length)
}

const clients = serverRows.flatMap(([, row]) => Object.keys(row.clients).map((client) => [client, row] as const))

describe('a client that is not installed', () => {
  const missing = serverRows.map(([name, { elsewhere = '', clients: byName, beside }]) => {
    const install = Object.keys(byName).map((client) => [client, beside].filter((each) => each !== undefined).join(' '))
    return [name, elsewhere, install] as const
  })
  it.each([...missing, ['redis', 'redis_cluster:a:1;b:2', ['redis', 'ioredis']] as const])(
    '%s, %s: CONFIG_INVALID says what to install',
    async (_, text, packages) => {
      const { code, message } = await outcomeOf(text)
      expect(code).toBe('CONFIG_INVALID')
      expect(message).toContain(`(ERR_MODULE_NOT_FOUND`)
      expect(message).toContain(`; run ${packages.map((each) => `"npm install ${each}"`).join(' or ')}.`)
      expect(message).not.toContain('hunter2')
    },
  )

  it('a text that cannot be used is refused before any client is looked for', async () => {
    expect((await outcomeOf('redis://')).message).toContain('needs a host')
    expect((await outcomeOf('postgres://h')).message).toContain('needs a database')
  })

  const without = openedRows.filter(([, row]) => row.server === undefined && row.node === undefined)
  it.each(without)('%s needs none', async (_, row) => {
    const [text = ''] = await row.texts({ host: '', port: 0, folder })
    expect(await outcomeOf(text)).toMatchObject({ payload: 'of a child' })
  })

  it('a sealed cookie needs none', async () => {
    expect(await outcomeOf('cookie:')).toMatchObject({ message: 'a sealed store' })
  })
})

describe('the client that is installed is the one that is used, and close() ends it', () => {
  for (const [client, row] of clients) {
    it.runIf(canRun(row))(client, async () => {
      const [text = ''] = await row.texts({ ...(await serverOf(row)), folder, space: 'opened_by_child' })
      expect(await outcomeOf(text, [client])).toMatchObject({ payload: 'of a child' })
    })
  }
})

describe('a store that cannot be made of its client leaves no client behind', () => {
  for (const [client, row] of clients) {
    it.runIf(canRun(row))(client, async () => {
      // No prefix, table or collection can be called so.
      const [text = ''] = await row.texts({ ...(await serverOf(row)), folder, space: '\0' })
      expect(await outcomeOf(text, [client])).toMatchObject({ code: 'CONFIG_INVALID' })
    })
  }
})
