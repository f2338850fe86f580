import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fileStore } from '../../src/stores/file/index.ts'
import { fileLocks } from '../../src/stores/file/lock.ts'
import { bundleChild, outputOf, startChild } from '../fixtures/children.ts'

const key = 'key-of-a-shared-record'
const record = { payload: '0', version: 1, expiresAt: 4_000_000_000_000 }
let directory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'coatcheck-file-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

describe('fileStore between processes', () => {
  it('X1 two processes add 500 each to one record: the sum is exact', async () => {
    const child = await bundleChild(new URL('./children/file-increment.ts', import.meta.url))
    const store = fileStore({ directory: join(directory, 'sum') })
    await store.create(key, record)
    const run = async (): Promise<number> => {
      return Number(await outputOf(startChild([child, join(directory, 'sum'), key, '500'])))
    }
    const lost = await Promise.all([run(), run()])
    expect(await store.read(key)).toEqual({ ...record, payload: '1000', version: 1001 })
    // Without a single lost race the processes did not overlap, and nothing was shown.
    expect(lost[0] + lost[1]).toBeGreaterThan(0)
    expect(await readdir(join(directory, 'sum/.tmp'))).toEqual([])
  })

  it('of several processes that find the lock of a dead one, one at a time gets in', async () => {
    const child = await bundleChild(new URL('./children/file-stealer.ts', import.meta.url))
    const folder = await mkdtemp(join(directory, 'steal-'))
    const run = (): Promise<string> => outputOf(startChild([child, folder, '1000']))
    expect(await Promise.all([run(), run(), run(), run()])).toEqual(['0', '0', '0', '0'])
  })

  it('a process that was stopped in the critical section until its lock was taken over cannot publish', async () => {
    const child = await bundleChild(new URL('./children/file-stopped.ts', import.meta.url))
    const folder = await mkdtemp(join(directory, 'lock-'))
    const holder = startChild([child, 'lock', folder, '400'])
    try {
      await once(holder.stdout, 'data')
      // The holder is alive and counts as lost after 400 ms only.
      await fileLocks(folder, 400).run('name', () => undefined)
      await writeFile(join(folder, 'record'), 'early')
      holder.kill('SIGCONT')
      expect(await outputOf(holder)).toContain('ENOENT')
      expect(await readFile(join(folder, 'record'), 'utf8')).toBe('early')
      expect(await readdir(folder)).toEqual(['record'])
    } finally {
      holder.kill('SIGKILL')
    }
  })
})
