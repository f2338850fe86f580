import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { expressTables, nodeTables } from './http-tables.ts'
import type { Group } from './in-process.ts'
import { contextTable, fetchTable, growthTable, inProcessTable } from './in-process-tables.ts'
import { serveSamples } from './processes.ts'
import { print, type Table } from './report.ts'
import { serve } from './servers.ts'

/** How much is measured. */
export interface Effort {
  readonly rounds: number
  /** Requests per sample, in process. */
  readonly calls: number
  readonly httpRounds: number
  /** Requests per sample, over HTTP. */
  readonly requests: number
  /** Requests over HTTP before the first sample: the optimising compiler needs thousands to come to rest. */
  readonly warmUp: number
}

const full: Effort = { rounds: 40, calls: 2000, httpRounds: 21, requests: 2500, warmUp: 15_000 }
const quick: Effort = { rounds: 9, calls: 1500, httpRounds: 7, requests: 800, warmUp: 5000 }

const [role, argument = ''] = process.argv.slice(2)
if (role === 'sampler') await serveSamples(argument as Group)
else if (role === 'server') serve(argument)
else await run(role === '--quick' ? quick : full)

async function run(effort: Effort): Promise<void> {
  const began = performance.now()
  console.log(
    `Microseconds of CPU per request; Node ${process.version}, ${effort.rounds} rounds in process, ${effort.httpRounds} over HTTP.`,
  )
  const tables: Table[] = []
  for (const measure of [inProcessTable, contextTable, growthTable, fetchTable, nodeTables, expressTables]) {
    for (const table of [await measure(effort)].flat()) {
      print(table)
      tables.push(table)
    }
  }
  console.log(`\n${Math.round((performance.now() - began) / 1000)} s`)
  if (effort === full) keep(tables, effort)
}

/** The last full run on each version of Node is kept. */
function keep(tables: readonly Table[], { rounds, httpRounds }: Effort): void {
  const folder = fileURLToPath(new URL('./results/', import.meta.url))
  const date = new Date().toISOString()
  const result = {
    node: process.version,
    date,
    processors: availableParallelism(),
    rounds,
    httpRounds,
    unit: 'µs CPU',
    tables,
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(`${folder}node-${process.versions.node.split('.')[0]}.json`, `${JSON.stringify(result, null, 2)}\n`)
}
