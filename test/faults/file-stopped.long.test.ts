import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, it } from 'vitest'
import { fileStore } from '../../src/stores/file/index.ts'
import { bundleChild } from './bundle.ts'

const key = 'key-of-a-stopped-writer'

it('a store whose process was stopped for 10 s under the lock reports a fault and overwrites nothing', async () => {
  const child = await bundleChild('children/file-stopped.ts')
  const directory = await mkdtemp(join(tmpdir(), 'coatcheck-file-'))
  const store = fileStore({ directory })
  const record = { payload: 'first', version: 1, expiresAt: 4_000_000_000_000 }
  await store.create(key, record)
  const holder = spawn(process.execPath, [child, 'store', directory, key], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    await once(holder.stdout, 'data')
    await expect(
      store.replace(key, { ...record, version: 2 }, 1, { signal: AbortSignal.timeout(2_000) }),
    ).rejects.toThrow()
    expect(await store.replace(key, { ...record, payload: 'second', version: 2 }, 1)).toBe(true)
    holder.kill('SIGCONT')
    expect(await text(holder.stdout)).toContain('was stopped while it held a file lock')
    expect(await store.read(key)).toMatchObject({ payload: 'second', version: 2 })
    expect(await readdir(join(directory, '.tmp'))).toEqual([])
  } finally {
    holder.kill('SIGKILL')
    await rm(directory, { recursive: true, force: true })
  }
}, 60_000)
