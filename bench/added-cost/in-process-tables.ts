import { fileURLToPath } from 'node:url'
import { against, type Row, type Table } from '../report.ts'
import { costsOf, type Sampler, startSampler } from '../samplers.ts'
import { beyond } from '../statistics.ts'
import type { Group } from './in-process.ts'
import type { Effort } from './run.ts'

const script = fileURLToPath(new URL('run.ts', import.meta.url))
const start = (group: Group): Promise<Sampler> => startSampler(script, group)

/** P1 in process: the engine against the hand-written floor. */
export async function inProcessTable({ rounds, calls }: Effort): Promise<Table> {
  const sampler = await start('plain')
  const names = sampler.names.filter((name) => /^(floor|coatcheck), \D/.test(name))
  const costs = await costsOf(
    () => sampler,
    names,
    rounds,
    () => calls,
  )
  sampler.stop()
  const rows = names.map((name): Row => {
    const cost = costs(name)
    const work = name.replace('coatcheck', 'floor')
    if (name === work || !names.includes(work)) return { name, cost }
    return { name, cost, comparison: against(cost, costs(work), 'floor', name.endsWith('write') ? 1.6 : undefined) }
  })
  return { title: 'In process, memory store, 200 bytes', rows }
}

/** What `sessions.run` costs: the same requests in a process that enters an AsyncLocalStorage, and in one that never does. */
export async function contextTable({ rounds, calls }: Effort): Promise<Table> {
  const [without, within] = await Promise.all([start('plain'), start('context')])
  const names = ['without run()', 'with run()']
  const samplerOf = (name: string) => (name === 'with run()' ? within : without)
  const costs = await costsOf(samplerOf, names, rounds, () => calls)
  without.stop()
  within.stop()
  const [base, run] = [costs('without run()'), costs('with run()')]
  return {
    title: 'In process, a handler that waits three times, outside and inside of sessions.run',
    rows: [
      { name: 'without run()', cost: base },
      { name: 'with run()', cost: run, comparison: against(run, base, 'without') },
    ],
  }
}

/** P7: what touching one key costs as the session grows. */
export async function growthTable({ rounds, calls }: Effort): Promise<Table> {
  const sampler = await start('plain')
  const names = sampler.names.filter((name) => /\d kB/.test(name))
  const costs = await costsOf(
    () => sampler,
    names,
    rounds,
    (name) => Math.ceil(calls / (5 * kilobytes(name))),
  )
  sampler.stop()
  const rows = names.map((name): Row => {
    const cost = costs(name)
    const json = `JSON, ${kilobytes(name)} kB`
    return name === json ? { name, cost } : { name, cost, comparison: against(cost, costs(json), 'JSON') }
  })
  return { title: 'Touching one key as the session grows, against JSON.parse + JSON.stringify', rows }
}

/** A Fetch handler with and without sessions, called in process. */
export async function fetchTable({ rounds, calls }: Effort): Promise<Table> {
  const [bare, own] = await Promise.all([start('fetch-bare'), start('fetch')])
  const names = ['bare', 'read + write', 'read only']
  const samplerOf = (name: string) => (name === 'bare' ? bare : own)
  const costs = await costsOf(samplerOf, names, rounds, () => Math.ceil(calls / 3))
  bare.stop()
  own.stop()
  const baseline = costs('bare')
  const rows = ['read + write', 'read only'].map((name): Row => {
    const cost = costs(name)
    return {
      name: `coatcheck, ${name}`,
      cost,
      added: beyond(cost, baseline),
      comparison: against(cost, baseline, 'bare'),
    }
  })
  return { title: 'Fetch, webSession, memory store', rows: [{ name: 'bare', cost: baseline }, ...rows] }
}

function kilobytes(name: string): number {
  return Number(/(\d+) kB/.exec(name)?.[1])
}
