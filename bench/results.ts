import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'

/** Keeps a result in the folder `results` beside a bench's `run.ts`, in place of the one before. */
export function keepResult(script: string, name: string, facts: object): void {
  const folder = fileURLToPath(new URL('./results/', script))
  const machine = { node: process.version, date: new Date().toISOString(), processors: availableParallelism() }
  mkdirSync(folder, { recursive: true })
  writeFileSync(`${folder}${name}.json`, `${JSON.stringify({ ...machine, ...facts }, null, 2)}\n`)
}

/** `node-20` */
export const nodeVersion = `node-${process.versions.node.split('.')[0]}`
