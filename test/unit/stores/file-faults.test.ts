import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createSessions } from '../../../src/index.ts'
import { withoutFileNames } from '../../../src/stores/file/fault.ts'
import { fileStore } from '../../../src/stores/file/index.ts'
import { errorOf, everythingOf } from '../../fixtures/everything-of.ts'

const key = 'xs-0123456789-ABCDEF'
const record = { payload: 'first', version: 1, expiresAt: 4_000_000_000_000, userId: 'ann' }
const moved = { ...record, version: 2, userId: 'bob' }
const indexOfAnn = createHash('sha256').update('ann').digest('hex')
let parent: string
let directory: string
let store: ReturnType<typeof fileStore>
let server: Server | undefined

beforeEach(async () => {
  parent = mkdtempSync(join(realpathSync(tmpdir()), 'cc-'))
  directory = join(parent, 'sessions-of-a-shop')
  store = fileStore({ directory })
  await store.create(key, record)
})
afterEach(() => {
  server?.close()
  server = undefined
  rmSync(parent, { recursive: true, force: true })
})

const operations: Readonly<Record<string, () => unknown>> = {
  read: () => store.read(key),
  create: () => store.create(key, moved),
  replace: () => store.replace(key, moved, 1),
  touch: () => store.touch(key, record.expiresAt + 1, 1),
  delete: () => store.delete(key),
  list: () => store.list({ limit: 10 }),
  count: () => store.count(),
  sweep: () => store.sweep(record.expiresAt + 1, { limit: 10 }),
  keysOf: () => store.keysOf('ann'),
}
const all = Object.keys(operations)

/** Ways in which a directory goes wrong, what they lead to, and the operations that notice. */
const damages: ReadonlyArray<readonly [string, () => unknown, string, string, readonly string[]]> = [
  [
    'a file in the place of the folder',
    () => replaceByFile(join(directory, 'x', 's')),
    'ENOTDIR',
    'x/s',
    ['read', 'replace', 'touch', 'delete', 'list', 'count', 'sweep', 'keysOf'],
  ],
  [
    'a socket in the place of the record',
    () => replaceBySocket(join(directory, 'x', 's', key)),
    'ENXIO',
    'x/s',
    all.filter((name) => name !== 'count'),
  ],
  [
    'a folder that is full in the place of the record',
    () => replaceByFolder(join(directory, 'x', 's', key)),
    'EISDIR',
    'x/s',
    ['create'],
  ],
  [
    'a file in the place of the folder of drafts and locks',
    () => replaceByFile(join(directory, '.tmp')),
    'ENOTDIR',
    '.tmp',
    ['replace', 'delete', 'sweep'],
  ],
  [
    'a folder in the place of an entry of the index',
    () => replaceByFolder(join(directory, '.users', indexOfAnn, key)),
    'EISDIR',
    '.users',
    ['delete', 'replace'],
  ],
]

describe('SEC-86 an error of the file system shows no key', () => {
  for (const [title, damage, code, folder, noticing] of damages) {
    it.each(noticing)(`${title}: %s`, async (name) => {
      await damage()
      const error = await errorOf(operations[name])
      const said = everythingOf(error)
      expect(said).toContain(code)
      expect(said).toContain(`'${join(directory, folder)}'`)
      expect(said).not.toContain(key.slice(0, 8))
    })
  }

  it('nor does what an application is told', async () => {
    const sessions = createSessions({ store })
    const session = await sessions.open(null)
    session.set('x', 1)
    const { token } = await sessions.commit(session)
    const { entries } = await store.list({ limit: 10 })
    for (const { key } of entries) replaceByFile(join(directory, key.charAt(0), key.charAt(1)))
    const error = await errorOf(() => sessions.open(token))
    expect(error).toMatchObject({ code: 'STORE_FAILED', cause: { code: 'ENOTDIR', syscall: 'open' } })
    for (const { key } of entries) expect(everythingOf(error)).not.toContain(key.slice(0, 8))
  })
})

describe('withoutFileNames', () => {
  const root = '/srv/sessions-of-a-shop'
  const fault = (properties: object, message: string) => Object.assign(new Error(message), properties)

  it('keeps code, number, call, folder and frames', () => {
    const path = `${root}/x/s/${key}`
    const before = fault({ code: 'EIO', errno: -5, syscall: 'open', path }, `EIO: i/o error, open '${path}'`)
    const error = withoutFileNames(before, root) as Error
    expect(error).toMatchObject({ message: `EIO: i/o error, open in '${root}/x/s'`, code: 'EIO', errno: -5 })
    expect(error).toMatchObject({ syscall: 'open' })
    expect(error.stack?.split('\n').slice(1)).toEqual(before.stack?.split('\n').slice(1))
  })

  it.each([
    [`${root}/.tmp/${key}.lock`, `${root}/.tmp`],
    [`${root}/.users/${indexOfAnn}/${key}`, `${root}/.users`],
    [`${root}/.users/${indexOfAnn}`, `${root}/.users`],
    [`${root}/x/s`, `${root}/x/s`],
    [root, root],
  ])('of %s shows %s', (path, folder) => {
    const message = `ENOENT: no such file or directory, rename '${root}/.tmp/n.tmp' -> '${path}'`
    const error = fault({ code: 'ENOENT', syscall: 'rename', dest: path, path: `${root}/.tmp/n.tmp` }, message)
    const clean = withoutFileNames(fault({ ...error, path }, message), root)
    expect(clean).toMatchObject({ message: `ENOENT: no such file or directory, rename in '${folder}'` })
    expect(clean).not.toHaveProperty('dest')
    expect(clean).not.toHaveProperty('path')
  })

  it('says the code alone where the reason names the file', () => {
    const path = `${root}/x/s/${key}`
    const error = fault({ code: 'ERR_FS_EISDIR', syscall: 'rm', path }, `Path is a directory: ${path}, rm`)
    expect(withoutFileNames(error, root)).toMatchObject({ message: `ERR_FS_EISDIR, rm in '${root}/x/s'` })
  })

  it('cleans a cause, and leaves alone what names no file', () => {
    const inner = fault({ code: 'EEXIST', syscall: 'mkdir', path: `${root}/x` }, `EEXIST: exists, mkdir '${root}/x'`)
    const clean = withoutFileNames(new Error('outer', { cause: inner }), root)
    expect(clean).toMatchObject({ message: 'outer', cause: { message: `EEXIST: exists, mkdir in '${root}/x'` } })
    for (const same of [
      new Error('x', { cause: 'y' }),
      fault({ code: 'EIO' }, 'EIO: i/o error, fsync'),
      'text',
      null,
    ]) {
      expect(withoutFileNames(same, root)).toBe(same)
    }
  })
})

function replaceByFile(path: string): void {
  rmSync(path, { recursive: true, force: true })
  writeFileSync(path, '')
}

function replaceByFolder(path: string): void {
  rmSync(path, { force: true })
  mkdirSync(join(path, 'full'), { recursive: true })
}

/** Opening a socket as a file is refused, to root as well. */
function replaceBySocket(path: string): Promise<void> {
  rmSync(path)
  return new Promise((resolve) => {
    server = createServer().listen(path, resolve)
  })
}
