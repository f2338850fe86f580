import { type Route, startTarget, type Target } from './load.ts'
import { addedAgainst, type Row, type Table } from './report.ts'
import { beyond, interleave } from './statistics.ts'

/** A server that takes part. */
export interface Contender {
  readonly name: string
  /** The contender that this one adds something to; without one it is a baseline itself. */
  readonly beyond?: string
  /** The contender that is compared with this one, and the most that what it adds may be, as a multiple. */
  readonly rival?: { readonly name: string; readonly budget?: number }
  /** The part of the requests that it gets; default 1. One that takes ten times as long shows as much in a quarter. */
  readonly share?: number
}

/** How much is measured over HTTP. */
export interface HttpEffort {
  readonly httpRounds: number
  /** Requests per sample. */
  readonly requests: number
  /** Requests before the first sample: the optimising compiler needs thousands to come to rest. */
  readonly warmUp: number
}

const works: Record<Route, string> = { write: 'read + write', read: 'read only' }

/**
 * What servers add to others: a table for requests that write and one for requests that read.
 *
 * @param script - The bench, which runs a server in the role `server <name> ...facts`.
 */
export async function addedTables(
  script: string,
  title: string,
  contenders: readonly Contender[],
  effort: HttpEffort,
  ...facts: string[]
): Promise<Table[]> {
  const targets = new Map<string, Target>()
  try {
    for (const { name } of contenders) targets.set(name, await startTarget(script, name, ...facts))
    return [
      await addedBy(targets, title, contenders, 'write', effort),
      await addedBy(targets, title, contenders, 'read', effort),
    ]
  } finally {
    for (const target of targets.values()) target.stop()
  }
}

async function addedBy(
  targets: ReadonlyMap<string, Target>,
  title: string,
  contenders: readonly Contender[],
  route: Route,
  { httpRounds, requests, warmUp }: HttpEffort,
): Promise<Table> {
  const shares = new Map(contenders.map(({ name, share = 1 }) => [name, share]))
  const sample = async (name: string, count: number) =>
    (await targets.get(name)?.sample(route, Math.ceil(count * (shares.get(name) ?? 1)))) ?? Number.NaN
  const names = [...targets.keys()]
  for (const name of names) await sample(name, warmUp)
  const costs = await interleave(names, httpRounds, (name) => sample(name, requests))

  const rowOf = ({ name, beyond: base }: Contender): Row => {
    const cost = costs(name)
    return base === undefined ? { name, cost } : { name, cost, added: beyond(cost, costs(base)) }
  }
  const rows = contenders.map((contender): Row => {
    const row = rowOf(contender)
    const own = contenders.find(({ name }) => name === contender.rival?.name)
    if (own === undefined) return row
    return { ...row, comparison: addedAgainst(rowOf(own), row, contender.rival?.budget) }
  })
  return { title: `${title}, ${works[route]}: what sessions add`, rows }
}
