import { setTimeout } from 'node:timers/promises'
import type { ClientProcess } from './client-process.ts'
import type { Random } from './random.ts'

/** A fault that is brought about and healed again. */
export interface Fault {
  readonly name: string
  /** How likely it is, beside the others. */
  readonly weight: number
  strike(random: Random): Promise<void>
}

/** What befalls the clients, whatever the store. */
export function clientFaults(clients: readonly ClientProcess[], storeTimeoutMs: number): Fault[] {
  return [
    { name: 'kill a client', weight: 3, strike: (random) => random.pick(clients).kill() },
    {
      name: 'freeze a client',
      weight: 2,
      strike: (random) => random.pick(clients).freeze(random.between(0.1, 1.6) * storeTimeoutMs),
    },
  ]
}

/** Brings about one fault after another, with quiet in between, until `isOver`. Answers how often each struck. */
export async function harass(
  faults: readonly Fault[],
  random: Random,
  isOver: () => boolean,
): Promise<Record<string, number>> {
  const struck: Record<string, number> = Object.fromEntries(faults.map(({ name }) => [name, 0]))
  const total = faults.reduce((sum, { weight }) => sum + weight, 0)
  // Each once at first, so that none is missing from a short run.
  for (let turn = 0; faults.length > 0; turn += 1) {
    await setTimeout(random.between(100, 500))
    if (isOver() && turn >= faults.length) break
    const fault =
      faults[turn] ??
      random.weighted(
        faults.map((each) => [each, each.weight] as const),
        total,
      )
    await fault.strike(random)
    struck[fault.name] = (struck[fault.name] ?? 0) + 1
  }
  return struck
}
