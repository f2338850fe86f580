import { type Sampler, startSampler } from './processes.ts'
import type { Row, Table } from './report.ts'
import type { Effort } from './run.ts'
import { beyond, compare, interleave, summarise } from './statistics.ts'

/** P1 in process: the engine against the hand-written floor. */
export async function inProcessTable({ rounds, calls }: Effort): Promise<Table> {
  const sampler = await startSampler('plain')
  const names = sampler.names.filter((name) => /^(floor|coatcheck), \D/.test(name))
  const samples = await sampled(sampler, names, rounds, () => calls)
  sampler.stop()
  const cost = (name: string) => summarise(samples[name] ?? [])
  const rows = names.map((name): Row => {
    const work = name.replace('coatcheck', 'floor')
    if (name === work || !names.includes(work)) return { name, cost: cost(name) }
    const budget = name.endsWith('write') ? { budget: 1.6 } : {}
    return { name, cost: cost(name), comparison: { ...compare(cost(name), cost(work)), to: 'floor', ...budget } }
  })
  return { title: 'In process, memory store, 200 bytes', rows }
}

/** What `sessions.run` costs: the same requests in a process that enters an AsyncLocalStorage, and in one that never does. */
export async function contextTable({ rounds, calls }: Effort): Promise<Table> {
  const [without, within] = await Promise.all([startSampler('plain'), startSampler('context')])
  const samplers: Record<string, Sampler> = { 'without run()': without, 'with run()': within }
  const names = Object.keys(samplers)
  for (const name of names) await samplers[name]?.sample(name, calls * 4)
  const samples = await interleave(names, rounds, async (name) => samplers[name]?.sample(name, calls) ?? Number.NaN)
  without.stop()
  within.stop()
  const [base, run] = names.map((name) => summarise(samples[name] ?? []))
  if (base === undefined || run === undefined) throw new Error('nothing was measured')
  return {
    title: 'In process, a handler that waits three times, outside and inside of sessions.run',
    rows: [
      { name: 'without run()', cost: base },
      { name: 'with run()', cost: run, comparison: { ...compare(run, base), to: 'without' } },
    ],
  }
}

/** P7: what touching one key costs as the session grows. */
export async function growthTable({ rounds, calls }: Effort): Promise<Table> {
  const sampler = await startSampler('plain')
  const names = sampler.names.filter((name) => /\d kB/.test(name))
  const samples = await sampled(sampler, names, rounds, (name) => Math.ceil(calls / (5 * kilobytes(name))))
  sampler.stop()
  const cost = (name: string) => summarise(samples[name] ?? [])
  const rows = names.map((name): Row => {
    const json = `JSON, ${kilobytes(name)} kB`
    if (name === json) return { name, cost: cost(name) }
    return { name, cost: cost(name), comparison: { ...compare(cost(name), cost(json)), to: 'JSON' } }
  })
  return { title: 'Touching one key as the session grows, against JSON.parse + JSON.stringify', rows }
}

/** A Fetch handler with and without sessions, called in process. */
export async function fetchTable({ rounds, calls }: Effort): Promise<Table> {
  const [bare, own] = await Promise.all([startSampler('fetch-bare'), startSampler('fetch')])
  const names = ['bare', 'read + write', 'read only']
  const sample = (name: string, requests: number) => (name === 'bare' ? bare : own).sample(name, requests)
  for (const name of names) await sample(name, calls)
  const samples = await interleave(names, rounds, (name) => sample(name, Math.ceil(calls / 5)))
  bare.stop()
  own.stop()
  const baseline = samples['bare'] ?? []
  const rows = names.slice(1).map((name): Row => {
    const whole = summarise(samples[name] ?? [])
    return {
      name: `coatcheck adds, ${name}`,
      cost: summarise(beyond(samples[name] ?? [], baseline)),
      comparison: { ...compare(whole, summarise(baseline)), to: 'bare, as a whole' },
    }
  })
  return { title: 'Fetch, webSession, memory store', rows: [{ name: 'bare', cost: summarise(baseline) }, ...rows] }
}

async function sampled(
  sampler: Sampler,
  names: readonly string[],
  rounds: number,
  calls: (name: string) => number,
): Promise<Record<string, number[]>> {
  // The optimising compiler needs some thousand requests to come to rest.
  for (const name of names) await sampler.sample(name, calls(name) * 5)
  return interleave(names, rounds, (name) => sampler.sample(name, calls(name)))
}

function kilobytes(name: string): number {
  return Number(/(\d+) kB/.exec(name)?.[1])
}
