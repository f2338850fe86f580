import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** Sends a signal to a process and to all that it has started: PostgreSQL has one process for each connection. */
export function signalTree(pid: number, signal: NodeJS.Signals): void {
  for (const each of [pid, ...descendantsOf(pid)]) {
    try {
      process.kill(each, signal)
    } catch (error) {
      // It has ended meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}

/** None where there is no /proc. */
function descendantsOf(pid: number): number[] {
  if (!existsSync('/proc/self/stat')) return []
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) if (/^\d+$/.test(name)) parents.set(Number(name), parentOf(name))
  const found = [pid]
  for (const parent of found) for (const [child, of] of parents) if (of === parent) found.push(child)
  return found.slice(1)
}

function parentOf(pid: string): number {
  const file = `/proc/${pid}/stat`
  // The second field is the name in brackets, which may contain anything.
  return existsSync(file) ? Number(/.*\) \S+ (\d+)/s.exec(readFileSync(file, 'latin1'))?.[1]) : 0
}
