import { fileURLToPath } from 'node:url'
import { addedTables, type Contender } from '../added-tables.ts'
import type { Table } from '../report.ts'
import type { Effort } from './run.ts'

const script = fileURLToPath(new URL('run.ts', import.meta.url))

/** P1 on Express 5: what each library adds to a request. */
export function expressTables(effort: Effort): Promise<Table[]> {
  const beyond = 'express, none'
  const rival = { name: 'express, coatcheck' }
  const contenders: Contender[] = [
    { name: beyond },
    { name: rival.name, beyond },
    { name: 'express, express-session', beyond, rival: { ...rival, budget: 1 / 5 } },
    { name: 'express, cookie-session', beyond, rival },
    { name: 'express, iron-session', beyond, rival, share: 1 / 4 },
  ]
  return addedTables(script, 'express', contenders, effort)
}

/** What coatcheck adds to a request of plain `node:http`. */
export function nodeTables(effort: Effort): Promise<Table[]> {
  const beyond = 'node:http, none'
  return addedTables(script, 'node:http', [{ name: beyond }, { name: 'node:http, coatcheck', beyond }], effort)
}
