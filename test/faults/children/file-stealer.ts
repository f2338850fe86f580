/**
 * Takes one lock again and again, and leaves behind a lock of a dead process each time: `<directory> <times>`. Prints
 * how often two processes were in the critical section at once.
 */
import { spawnSync } from 'node:child_process'
import { readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileLocks, newNonce } from '../../../src/stores/file/lock.ts'

const [directory = '', times = '0'] = process.argv.slice(2)
const locks = fileLocks(directory)
const lock = join(directory, 'name.lock')
const inside = join(directory, 'inside')
const deadPid = spawnSync(process.execPath, ['-e', '']).pid
let overlaps = 0

for (let done = 0; done < Number(times); done += 1) {
  const text = await locks.run('name', () => {
    if (!created(() => writeFileSync(inside, '', { flag: 'wx' }))) overlaps += 1
    // Long enough for another process to come in if it can.
    const end = performance.now() + 0.3
    while (performance.now() < end);
    rmSync(inside, { force: true })
    return readlinkSync(lock)
  })
  const [, , ...rest] = text.split('.')
  // In vain if another process has the lock already.
  created(() => symlinkSync([newNonce(), deadPid, ...rest].join('.'), lock))
}
process.stdout.write(String(overlaps))

function created(create: () => void): boolean {
  try {
    create()
    return true
  } catch {
    return false
  }
}
