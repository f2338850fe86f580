import { type Route, startTarget, type Target } from './load.ts'
import { addedAgainst, type Row, type Table } from './report.ts'
import type { Effort } from './run.ts'
import { beyond, interleave } from './statistics.ts'

const works: Record<Route, string> = { write: 'read + write', read: 'read only' }

/** P1 on Express 5: what each library adds to a request. */
export function expressTables(effort: Effort): Promise<Table[]> {
  return added('express', ['coatcheck', 'express-session', 'cookie-session', 'iron-session'], effort)
}

/** What coatcheck adds to a request of plain `node:http`. */
export function nodeTables(effort: Effort): Promise<Table[]> {
  return added('node:http', ['coatcheck'], effort)
}

async function added(framework: string, libraries: readonly string[], effort: Effort): Promise<Table[]> {
  const targets = new Map<string, Target>()
  try {
    const names = ['none', ...libraries]
    const started = await Promise.all(names.map((library) => startTarget(`${framework}, ${library}`)))
    for (const [index, target] of started.entries()) targets.set(names[index] ?? '', target)
    return [await addedBy(targets, framework, 'write', effort), await addedBy(targets, framework, 'read', effort)]
  } finally {
    for (const target of targets.values()) target.stop()
  }
}

async function addedBy(
  targets: ReadonlyMap<string, Target>,
  framework: string,
  route: Route,
  { httpRounds, requests, warmUp }: Effort,
): Promise<Table> {
  // One that takes ten times as long shows as much in a quarter of the requests.
  const sample = async (name: string, count: number) =>
    (await targets.get(name)?.sample(route, name === 'iron-session' ? count / 4 : count)) ?? Number.NaN
  const names = [...targets.keys()]
  for (const name of names) await sample(name, warmUp)
  const costs = await interleave(names, httpRounds, (name) => sample(name, requests))
  const baseline = costs('none')
  const rows = names.slice(1).map((name): Row => {
    const cost = costs(name)
    return { name, cost, added: beyond(cost, baseline) }
  })
  const [own, ...peers] = rows
  const compared = peers.map((peer): Row => {
    const budget = peer.name === 'express-session' ? 1 / 5 : undefined
    return own === undefined ? peer : { ...peer, comparison: addedAgainst(own, peer, budget) }
  })
  const plain: Row = { name: `${framework} without sessions`, cost: baseline }
  return {
    title: `${framework}, ${works[route]}: what sessions add; coatcheck against each`,
    rows: [plain, ...(own === undefined ? [] : [own]), ...compared],
  }
}
