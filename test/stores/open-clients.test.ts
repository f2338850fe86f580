import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundleChild } from '../fixtures/children.ts'
import { sharedServer } from '../services/address.ts'

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
  await cp(await bundleChild(new URL('./open-child.ts', import.meta.url)), child)
})

afterAll(async () => rm(folder, { recursive: true }))

/** What a process that has only these packages makes of a connection string. It fails if the process does not end by itself. */
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

describe('a client that is not installed', () => {
  it.each([
    ['redis://h', ['redis', 'ioredis']],
    ['redis_cluster:a:1;b:2', ['redis', 'ioredis']],
    ['postgres://h/db', ['pg', 'postgres']],
    ['mysql:user:hunter2@tcp(h)/db', ['mysql2']],
    ['memcached://h', ['memcache-client tslib']],
    ['mongodb://h/db', ['mongodb']],
    ['couchbase://user:hunter2@h/bucket', ['couchbase']],
  ])('%s: CONFIG_INVALID says what to install', async (text, packages) => {
    const { code, message } = await outcomeOf(text)
    expect(code).toBe('CONFIG_INVALID')
    expect(message).toContain(`(ERR_MODULE_NOT_FOUND`)
    expect(message).toContain(`; run ${packages.map((name) => `"npm install ${name}"`).join(' or ')}.`)
  })

  it('a connection string that cannot be used is refused before any client is looked for', async () => {
    expect((await outcomeOf('redis://')).message).toContain('needs a host')
    expect((await outcomeOf('postgres://h')).message).toContain('needs a database')
  })

  it('memory, file and cookie need none', async () => {
    expect(await outcomeOf('memory:')).toMatchObject({ payload: 'of a child' })
    expect(await outcomeOf(`file:${folder}/sessions`)).toMatchObject({ payload: 'of a child' })
    expect(await outcomeOf('cookie:')).toMatchObject({ message: 'a sealed store' })
  })
})

describe('the client that is installed is the one that is used, and close() ends it', () => {
  it.each(['redis', 'ioredis'])('redis: %s', async (name) => {
    const { host, port } = await sharedServer('redis')
    expect(await outcomeOf(`redis://${host}:${port}?prefix=child:`, [name])).toMatchObject({ payload: 'of a child' })
  })

  it.each(['pg', 'postgres'])('postgres: %s', async (name) => {
    const { host, port } = await sharedServer('postgres')
    const text = `postgres://postgres@${host}:${port}/postgres?table=opened_by_child&application_name=child`
    expect(await outcomeOf(text, [name])).toMatchObject({ payload: 'of a child' })
  })

  it('mysql: mysql2', async () => {
    const { host, port } = await sharedServer('mariadb')
    const text = `mysql://root@${host}:${port}/test?table=opened_by_child`
    expect(await outcomeOf(text, ['mysql2'])).toMatchObject({ payload: 'of a child' })
  })

  it('memcached: memcache-client', async () => {
    const { host, port } = await sharedServer('memcached')
    const text = `memcached://${host}:${port}?prefix=child:`
    expect(await outcomeOf(text, ['memcache-client'])).toMatchObject({ payload: 'of a child' })
  })

  it('mongodb: mongodb', async () => {
    const { host, port } = await sharedServer('mongodb')
    expect(await outcomeOf(`mongodb://${host}:${port}/child`, ['mongodb'])).toMatchObject({ payload: 'of a child' })
  })
})

describe('a store that cannot be made of its client leaves no client behind', () => {
  it.each([
    ['redis', 'redis://127.0.0.1:1?prefix=%00'],
    ['ioredis', 'redis://127.0.0.1:1?prefix=%00'],
    ['pg', 'postgres://127.0.0.1:1/db?table=a%20b'],
    ['postgres', 'postgres://127.0.0.1:1/db?table=a%20b'],
    ['mysql2', 'mysql://127.0.0.1:1/db?table=a%20b'],
    ['mongodb', 'mongodb://127.0.0.1:1/db?collection=%00'],
  ])('%s', async (name, text) => {
    expect(await outcomeOf(text, [name])).toMatchObject({ code: 'CONFIG_INVALID' })
  })
})
