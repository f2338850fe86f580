import { existsSync, readdirSync, readFileSync } from 'node:fs'

const patienceMs = 1000

/**
 * Sends a signal to a process and to all that it has started: PostgreSQL has one process for each connection. After
 * SIGSTOP none of their threads runs any more.
 */
export function signalTree(pid: number, signal: NodeJS.Signals): void {
  const tree = [pid, ...descendantsOf(pid)]
  for (const each of tree) {
    try {
      process.kill(each, signal)
    } catch (error) {
      // It has ended meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
  if (signal !== 'SIGSTOP') return
  // A thread on another processor runs on until that hears of the signal, and may answer what is sent meanwhile.
  const giveUpAt = Date.now() + patienceMs
  while (tree.some(runs)) if (Date.now() > giveUpAt) throw new Error(`process ${pid} does not stop`)
}

/** Whether one of its threads is neither stopped nor at its end. Where there is no /proc, it does not. */
function runs(pid: number): boolean {
  try {
    const threads = readdirSync(`/proc/${pid}/task`)
    return threads.some((thread) => !/\) [TtZX] /.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1')))
  } catch (error) {
    // A thread or the process has ended meanwhile; of those that stay, the next look tells.
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH') return existsSync(`/proc/${pid}`)
    throw error
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
