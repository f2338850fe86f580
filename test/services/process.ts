import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { signalTree } from './process-tree.ts'

/** A real server on a port of its own. It can be killed, started again on the same port and data, and be stalled. */
export interface Server {
  readonly name: string
  readonly host: '127.0.0.1'
  readonly port: number
  /** Starts it, if it does not run, and resolves when it answers. */
  start(): Promise<void>
  /** Kills it with SIGKILL, or asks it to end with another signal, and resolves when it is gone. */
  stop(signal?: NodeJS.Signals): Promise<void>
  /** It keeps its connections and accepts new ones, and answers nothing (SIGSTOP). */
  pause(): unknown
  resume(): unknown
  /** Stops it and removes its data. */
  close(): Promise<void>
}

/** How a server is run. */
export interface ServerPlan {
  readonly name: string
  readonly port: number
  readonly command: string
  readonly args: readonly string[]
  /** The user that it runs as where the tests run as root. Default: whoever runs the tests. */
  readonly user?: string
  /** Its data, from `temporaryFolder`; removed by `close`. */
  readonly folder: string
  readonly env?: Readonly<Record<string, string>>
  /** Resolves when the server answers; throws, and is asked again, as long as it does not. */
  readonly ready: () => Promise<unknown>
}

const isRoot = process.getuid?.() === 0
const patienceMs = 60_000
// The kernel ends the server when this process ends, however it ends. Where that is not to be had, `exit` has to do.
const canTieToParent = spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true']).status === 0
const running = new Set<ChildProcess>()
const folders = new Set<string>()

process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
  for (const folder of folders) remove(folder)
})

/** Starts a server; it ends with this process at the latest. */
export async function startServer(plan: ServerPlan): Promise<Server> {
  let child: ChildProcess | null = null

  async function stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const ending = child
    if (ending === null) return
    child = null
    if (ending.exitCode === null && ending.signalCode === null) {
      ending.kill(signal)
      // A stopped process hears nothing but SIGKILL.
      if (ending.pid !== undefined) signalTree(ending.pid, 'SIGCONT')
      await once(ending, 'exit')
    }
    running.delete(ending)
  }

  const server: Server = {
    name: plan.name,
    host: '127.0.0.1',
    port: plan.port,
    async start() {
      if (child !== null) return
      child = launch(plan)
      await untilReady(plan, child)
    },
    stop,
    pause: () => child?.pid !== undefined && signalTree(child.pid, 'SIGSTOP'),
    resume: () => child?.pid !== undefined && signalTree(child.pid, 'SIGCONT'),
    async close() {
      await stop()
      remove(plan.folder)
    },
  }
  await server.start()
  return server
}

/** A port that nothing listens on. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  if (address === null || typeof address === 'string') throw new Error('the probe has no port')
  return address.port
}

/** An empty folder that belongs to `user` where the tests run as root; it goes with this process. */
export function temporaryFolder(name: string, user?: string): string {
  const folder = mkdtempSync(join(tmpdir(), `coatcheck-${name}-`))
  folders.add(folder)
  if (isRoot && user !== undefined) {
    const [uid = 0, gid = 0] = ['-u', '-g'].map((flag) =>
      Number(execFileSync('id', [flag, user], { encoding: 'utf8' })),
    )
    chownSync(folder, uid, gid)
    chmodSync(folder, 0o700)
  }
  return folder
}

/** Runs a command to its end as `user` where the tests run as root. Throws with what it printed if it fails. */
export function runAs(user: string, command: string, args: readonly string[]): void {
  const [file, all] = asUser(user, command, args)
  const run = spawnSync(file, all, { encoding: 'utf8', cwd: tmpdir() })
  if (run.status !== 0) throw new Error(`${command} failed: ${run.stderr || run.stdout || run.error}`)
}

function launch({ command, args, user, folder, env }: ServerPlan): ChildProcess {
  const tie = canTieToParent ? ['--pdeathsig', 'KILL'] : []
  const [file, all] = asUser(user, command, args, tie)
  const child = spawn(file, all, {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}

/** `setpriv` becomes the command it runs, so that signals reach it and its end is seen. */
function asUser(
  user: string | undefined,
  command: string,
  args: readonly string[],
  options: readonly string[] = [],
): [string, string[]] {
  const change = isRoot && user !== undefined ? ['--reuid', user, '--regid', user, '--init-groups'] : []
  const prefix = [...change, ...options]
  return prefix.length === 0 ? [command, [...args]] : ['setpriv', [...prefix, command, ...args]]
}

async function untilReady({ name, ready }: ServerPlan, child: ChildProcess): Promise<void> {
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      printed = (printed + chunk).slice(-4000)
    })
  }
  const until = Date.now() + patienceMs
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`${name} ended at once: ${printed}`)
    try {
      await ready()
      return
    } catch (error) {
      if (Date.now() > until) throw new Error(`${name} does not answer: ${printed}`, { cause: error })
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

function remove(folder: string): void {
  folders.delete(folder)
  rmSync(folder, { recursive: true, force: true })
}
