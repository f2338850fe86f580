/**
 * Stops itself (SIGSTOP) in the middle of the critical section and prints what happened after it was continued:
 * `store <directory> <key>` at the check of the version, `lock <directory> <ms>` right before the rename.
 */
import { renameSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { fileStore } from '../../../src/stores/file/index.ts'
import { fileLocks, newNonce } from '../../../src/stores/file/lock.ts'

const [part = '', directory = '', argument = ''] = process.argv.slice(2)

function stop(): void {
  writeSync(1, 'stopping\n')
  process.kill(process.pid, 'SIGSTOP')
}

async function stoppedStore(): Promise<unknown> {
  let calls = 0
  const clock = (): number => {
    calls += 1
    // read, the check before the draft, the check under the lock
    if (calls === 3) stop()
    return Date.now()
  }
  const store = fileStore({ directory, clock })
  const record = await store.read(argument)
  if (record === null) throw new Error('the record is missing')
  return store.replace(argument, { ...record, payload: 'late', version: record.version + 1 }, record.version)
}

async function stoppedLock(): Promise<unknown> {
  const nonce = newNonce()
  const draft = join(directory, `${nonce}.tmp`)
  writeFileSync(draft, 'late')
  const publish = (confirm: () => void): string => {
    confirm()
    stop()
    renameSync(draft, join(directory, 'record'))
    return 'published'
  }
  return fileLocks(directory, Number(argument)).run('name', publish, { nonce })
}

try {
  writeSync(1, `${await (part === 'store' ? stoppedStore() : stoppedLock())}\n`)
} catch (error) {
  writeSync(1, `${String(error)}\n`)
}
