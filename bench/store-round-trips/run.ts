import type { HttpEffort } from '../added-tables.ts'
import { print, type Table } from '../report.ts'
import { keepResult, nodeVersion } from '../results.ts'
import { serveSamples } from '../samplers.ts'
import { serve } from '../serve.ts'
import { commandTables, printCommands } from './commands.ts'
import { contentions, printContention, serveIncrements } from './contention.ts'
import { postgresTables, redisTables, sealedInProcessTable, sealedTables } from './cost-tables.ts'
import { sealedContestants } from './sealed-in-process.ts'
import { servers } from './servers.ts'

/** How much is measured. */
export interface Effort extends HttpEffort {
  readonly rounds: number
  /** Requests per sample, in process. */
  readonly calls: number
}

const full: Effort = { rounds: 25, calls: 2000, httpRounds: 21, requests: 2000, warmUp: 10_000 }
const quick: Effort = { rounds: 7, calls: 1000, httpRounds: 7, requests: 800, warmUp: 4000 }

const costs: Record<string, (effort: Effort) => Promise<Table[]>> = {
  'sealed-in-process': sealedInProcessTable,
  sealed: sealedTables,
  redis: redisTables,
  postgres: postgresTables,
}

const parts: Record<string, (effort: Effort) => Promise<boolean>> = {
  commands: countCommands,
  contention: measureContention,
  ...Object.fromEntries(Object.keys(costs).map((part) => [part, (effort: Effort) => measureCosts(part, effort)])),
}

const [role = '', ...facts] = process.argv.slice(2)
if (role === 'sampler') serveSamples(await sealedContestants())
else if (role === 'server') await startServer(facts[0] ?? '', Number(facts[1]))
else if (role === 'increments') await serveIncrements(facts[0] ?? '', Number(facts[1]), facts[2] ?? '')
else await run([role, ...facts])

/** Runs the parts that are named, or all. */
async function run(args: readonly string[]): Promise<void> {
  const effort = args.includes('--quick') ? quick : full
  const named = args.filter((each) => Object.hasOwn(parts, each))
  let holds = true
  for (const [name, part] of Object.entries(parts)) {
    if (named.length > 0 && !named.includes(name)) continue
    holds = (await part(effort)) && holds
  }
  if (!holds) process.exitCode = 1
}

async function countCommands(effort: Effort): Promise<boolean> {
  console.log('\nCommands per request, on the wire')
  const tables = await commandTables()
  for (const table of tables) printCommands(table)
  keep('commands', effort, { tables })
  return tables.every(({ lines }) => lines.every(({ missed }) => missed === undefined))
}

async function measureContention(effort: Effort): Promise<boolean> {
  const results = await contentions()
  for (const result of results) printContention(result)
  keep('contention', effort, { results })
  return results.every(({ missed }) => missed === undefined)
}

/** Costs are reported, and miss no build: a shared machine is no judge. */
async function measureCosts(part: string, effort: Effort): Promise<boolean> {
  const { rounds, httpRounds } = effort
  const taken = part === 'sealed-in-process' ? rounds : httpRounds
  console.log(`\nMicroseconds of CPU per request; Node ${process.version}, ${taken} rounds`)
  const tables = (await costs[part]?.(effort)) ?? []
  for (const table of tables) print(table)
  keep(part, effort, { rounds: taken, unit: 'µs CPU', tables })
  return true
}

/** The last full run of each part on each version of Node is kept. */
function keep(part: string, effort: Effort, result: object): void {
  if (effort === full) keepResult(import.meta.url, `${part}-${nodeVersion}`, result)
}

async function startServer(name: string, port: number): Promise<void> {
  const listener = servers[name]
  if (listener === undefined) throw new Error(`no server is called ${name}`)
  serve(await listener(port))
}
