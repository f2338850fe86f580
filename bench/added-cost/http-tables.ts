import { type Route, startTarget, type Target } from './load.ts'
import type { Row, Table } from './report.ts'
import type { Effort } from './run.ts'
import { beyond, compare, interleave, summarise } from './statistics.ts'

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
  const targets: Record<string, Target> = {}
  for (const library of ['none', ...libraries]) targets[library] = await startTarget(`${framework}, ${library}`)
  try {
    return [await addedBy(targets, framework, 'write', effort), await addedBy(targets, framework, 'read', effort)]
  } finally {
    for (const target of Object.values(targets)) target.stop()
  }
}

async function addedBy(
  targets: Readonly<Record<string, Target>>,
  framework: string,
  route: Route,
  { rounds, requests }: Effort,
): Promise<Table> {
  const sample = async (name: string, count: number) => (await targets[name]?.sample(route, count)) ?? Number.NaN
  const names = Object.keys(targets)
  for (const name of names) await sample(name, requests)
  // One that takes ten times as long shows as much in a third of the requests.
  const samples = await interleave(names, rounds, (name) =>
    sample(name, name === 'iron-session' ? Math.ceil(requests / 3) : requests),
  )
  const baseline = samples['none'] ?? []
  const cost = (name: string) => summarise(beyond(samples[name] ?? [], baseline))
  const rows = names.slice(1).map((name): Row => {
    if (name === 'coatcheck') return { name, cost: cost(name) }
    const budget = name === 'express-session' ? { budget: 1 / 5 } : {}
    return { name, cost: cost(name), comparison: { ...compare(cost('coatcheck'), cost(name)), to: name, ...budget } }
  })
  const plain: Row = { name: `${framework} without sessions`, cost: summarise(baseline) }
  return { title: `Added to ${framework}, ${works[route]}`, rows: [plain, ...rows] }
}
