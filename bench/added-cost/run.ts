import type { HttpEffort } from '../added-tables.ts'
import { print, type Table } from '../report.ts'
import { keepResult, nodeVersion } from '../results.ts'
import { serveSamples } from '../samplers.ts'
import { serve } from '../serve.ts'
import { expressTables, nodeTables } from './http-tables.ts'
import { type Group, groups } from './in-process.ts'
import { contextTable, fetchTable, growthTable, inProcessTable } from './in-process-tables.ts'
import { servers } from './servers.ts'

/** How much is measured. */
export interface Effort extends HttpEffort {
  readonly rounds: number
  /** Requests per sample, in process. */
  readonly calls: number
}

const full: Effort = { rounds: 40, calls: 2000, httpRounds: 21, requests: 2500, warmUp: 15_000 }
const quick: Effort = { rounds: 9, calls: 1500, httpRounds: 7, requests: 800, warmUp: 5000 }

const [role, argument = ''] = process.argv.slice(2)
if (role === 'sampler') serveSamples(await groups[argument as Group]())
else if (role === 'server') startServer(argument)
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
  if (effort !== full) return
  const { rounds, httpRounds } = effort
  // The last full run on each version of Node is kept.
  keepResult(import.meta.url, nodeVersion, { rounds, httpRounds, unit: 'µs CPU', tables })
}

function startServer(name: string): void {
  const listener = servers[name]?.()
  if (listener === undefined) throw new Error(`no server is called ${name}`)
  serve(listener)
}
