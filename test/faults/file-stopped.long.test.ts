import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { fileStore } from '../../src/stores/file/index.ts'
import { bundleChild, outputOf, startChild } from '../fixtures/children.ts'

const key = 'key-of-a-stopped-writer'

it('a store whose process was stopped for 10 s under the lock reports a fault and overwrites nothing', async () => {
  const child = await bundleChild(new URL('./children/file-stopped.ts', import.meta.url))
  const directory = await mkdtemp(join(tmpdir(), 'coatcheck-file-'))
  const store = fileStore({ directory })
  const record = { payload: 'first', version: 1, expiresAt: 4_000_000_000_000 }
  await store.create(key, record)
  const holder = startChild([child, 'store', directory, key])
  try {
    await once(holder.stdout, 'data')
    await expect(
      store.replace(key, { ...record, version: 2 }, 1, { signal: AbortSignal.timeout(2_000) }),
    ).rejects.toThrow()
    expect(await store.replace(key, { ...record, payload: 'second', version: 2 }, 1)).toBe(true)
    holder.kill('SIGCONT')
    expect(await outputOf(holder)).toContain('was stopped while it held a file lock')
    expect(await store.read(key)).toMatchObject({ payload: 'second', version: 2 })
    expect(await readdir(join(directory, '.tmp'))).toEqual([])
  } finally {
    holder.kill('SIGKILL')
    await rm(directory, { recursive: true, force: true })
  }
}, 60_000)
