import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import type { Job, Reply, Target } from './job.ts'

/** A client process. A killed one is started again. */
export interface ClientProcess {
  /** Performs a job; null if the process was killed before it answered. Throws if it never answers. */
  perform(job: Omit<Job, 'number'>): Promise<Reply | null>
  /** Ends it with SIGKILL, and starts another in its place. */
  kill(): Promise<void>
  /** Stops it for a while (SIGSTOP), after which it goes on as if nothing had been. */
  freeze(ms: number): Promise<void>
  close(): Promise<void>
}

/** Longer than a client may wait for a store that is paused, cut off and frozen in turn. */
const patienceMs = 30_000

/** Starts a client process. */
export async function startClient(script: string, target: Target): Promise<ClientProcess> {
  let child: ChildProcessByStdio<Writable, Readable, null>
  let ready: Promise<void>
  let jobs = 0
  let closing = false
  let fault: Error | null = null
  const waiting = new Map<number, (reply: Reply | null) => void>()

  async function launch(): Promise<void> {
    const started = spawn(process.execPath, ['--enable-source-maps', script, JSON.stringify(target)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    child = started
    // What is written to a process that was just killed goes nowhere.
    started.stdin.on('error', () => undefined)
    const first = jobs
    const lines = createInterface(started.stdout)
    const announced = new Promise<void>((resolve, reject) => {
      lines.on('line', (line) => {
        const reply = JSON.parse(line) as Partial<Reply>
        if (reply.number === undefined) resolve()
        else settle(reply.number, reply as Reply)
      })
      started.once('close', () => {
        for (const number of waiting.keys()) if (number >= first) settle(number, null)
        if (started.signalCode === null && !closing) fault = new Error('a client process ended by itself')
        if (fault === null) resolve()
        else reject(fault)
      })
    })
    await announced
  }

  function settle(number: number, reply: Reply | null): void {
    waiting.get(number)?.(reply)
    waiting.delete(number)
  }

  async function end(): Promise<void> {
    const ended = once(child, 'close')
    child.kill('SIGKILL')
    await ended
  }

  ready = launch()
  await ready

  return {
    async perform(job) {
      await ready
      if (fault !== null) throw fault
      const number = jobs++
      const answered = new Promise<Reply | null>((resolve) => {
        waiting.set(number, resolve)
      })
      child.stdin.write(`${JSON.stringify({ ...job, number })}\n`)
      const timer = new AbortController()
      const late = setTimeout(patienceMs, 'late' as const, { signal: timer.signal }).catch(() => null)
      const reply = await Promise.race([answered, late])
      timer.abort()
      if (reply === 'late') throw new Error(`a client did not answer within ${patienceMs} ms: ${job.kind}`)
      return reply
    },
    async kill() {
      await ready
      ready = end().then(launch)
      await ready
    },
    async freeze(ms) {
      await ready
      child.kill('SIGSTOP')
      await setTimeout(ms)
      child.kill('SIGCONT')
    },
    async close() {
      closing = true
      await end()
    },
  }
}
