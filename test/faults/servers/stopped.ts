import { readdirSync, readFileSync } from 'node:fs'
import type { Server } from '../../services/process.ts'

/**
 * Stops a server with all processes that it consists of: `pause` stops the first alone, and PostgreSQL has one more for
 * each connection, which would go on answering. Needs /proc.
 *
 * @returns What lets it go on.
 */
export function stopAll(server: Server): () => void {
  server.pause()
  const stopped = descendantsOf(server)
  for (const pid of stopped) signal(pid, 'SIGSTOP')
  return () => {
    for (const pid of stopped) signal(pid, 'SIGCONT')
    server.resume()
  }
}

function descendantsOf({ port }: Server): number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    if (/^\d+$/.test(name)) parents.set(Number(name), parentOf(name))
  }
  // A server is a child of this process and was told its port.
  const first = [...parents].find(([pid, parent]) => parent === process.pid && argumentsOf(pid).includes(String(port)))
  if (first === undefined) throw new Error(`no child of this process has the port ${port} in its arguments`)
  const found = [first[0]]
  for (const pid of found) for (const [child, parent] of parents) if (parent === pid) found.push(child)
  return found.slice(1)
}

function parentOf(pid: string): number {
  try {
    // The second field is the name in brackets, which may contain anything.
    return Number(/.*\) \S+ (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.[1])
  } catch {
    return 0
  }
}

function argumentsOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1')
  } catch {
    return ''
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended.
  }
}
