import { once } from 'node:events'
import { startChild } from './children.ts'
import { interleave, type Summary } from './statistics.ts'

/** One request of a contestant; `turn` says which of its visitors makes it. */
export type Contestant = (turn: number) => Promise<unknown>

/** The contestants of a process of its own. */
export interface Sampler {
  readonly names: readonly string[]
  /** Microseconds of CPU per request, over so many requests one after another. */
  sample(name: string, requests: number): Promise<number>
  stop(): void
}

/** Starts a bench in the role `sampler`, which it answers with `serveSamples`. */
export async function startSampler(script: string, group: string): Promise<Sampler> {
  const { child, first: names } = await startChild<string[]>(script, 'sampler', group)
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
export function serveSamples(contestants: Readonly<Record<string, Contestant>>): void {
  process.on('message', ({ name, requests }: { name: string; requests: number }) => {
    const contestant = contestants[name]
    if (contestant === undefined) throw new Error(`no contestant is called ${name}`)
    cpuPerRequest(contestant, requests).then((cost) => process.send?.(cost), fail)
  })
  process.send?.(Object.keys(contestants))
}

/** The costs of contestants, each asked of its own process. */
export async function costsOf(
  samplerOf: (name: string) => Sampler,
  names: readonly string[],
  rounds: number,
  calls: (name: string) => number,
): Promise<(name: string) => Summary> {
  // The optimising compiler needs some thousand requests to come to rest.
  for (const name of names) await samplerOf(name).sample(name, calls(name) * 5)
  return interleave(names, rounds, (name) => samplerOf(name).sample(name, calls(name)))
}

async function cpuPerRequest(request: Contestant, requests: number): Promise<number> {
  const before = process.cpuUsage()
  for (let turn = 0; turn < requests; turn++) await request(turn)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / requests
}

function fail(error: unknown): never {
  console.error(error)
  process.exit(1)
}
