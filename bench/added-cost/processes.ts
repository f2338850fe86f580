import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type Group, groups } from './in-process.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Starts this bench again as a child in another role, bundled and in production mode, and waits for its first message. */
export async function startChild<Message>(...role: string[]): Promise<{ child: ChildProcess; first: Message }> {
  const child = fork(`${root}tools/run-ts.mjs`, [`${root}bench/added-cost/run.ts`, ...role], {
    env: { ...process.env, NODE_ENV: 'production' },
    execArgv: [],
  })
  const first = await Promise.race([
    once(child, 'message').then(([message]) => message as Message),
    once(child, 'exit').then(([code]) => {
      throw new Error(`${role.join(' ')} ended with ${code}`)
    }),
  ])
  return { child, first }
}

/** The contestants of a process of its own. */
export interface Sampler {
  readonly names: readonly string[]
  /** Microseconds of CPU per request, over so many requests one after another. */
  sample(name: string, requests: number): Promise<number>
  stop(): void
}

export async function startSampler(group: Group): Promise<Sampler> {
  const { child, first: names } = await startChild<string[]>('sampler', group)
  return {
    names,
    async sample(name, requests) {
      child.send({ name, requests })
      const [cost] = (await once(child, 'message')) as [number]
      return cost
    },
    stop: () => void child.kill(),
  }
}

/** The child's side of `startSampler`. */
export async function serveSamples(group: Group): Promise<void> {
  const contestants = await groups[group]()
  process.on('message', ({ name, requests }: { name: string; requests: number }) => {
    const contestant = contestants[name]
    if (contestant === undefined) throw new Error(`no contestant is called ${name}`)
    cpuPerRequest(contestant, requests).then((cost) => process.send?.(cost), fail)
  })
  process.send?.(Object.keys(contestants))
}

async function cpuPerRequest(request: (turn: number) => Promise<unknown>, requests: number): Promise<number> {
  const before = process.cpuUsage()
  for (let turn = 0; turn < requests; turn++) await request(turn)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / requests
}

function fail(error: unknown): never {
  console.error(error)
  process.exit(1)
}
