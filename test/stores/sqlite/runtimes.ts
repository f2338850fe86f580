import { existsSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { SqliteName } from './database.ts'

/** A program that runs JavaScript, and a package for SQLite that it has. */
export interface SqliteRuntime {
  readonly title: string
  readonly command: string
  readonly client: SqliteName
}

/** The runtimes of test/runtimes that are installed, and the one that runs the tests if it has `node:sqlite`. */
export function runtimesWithSqlite(): SqliteRuntime[] {
  const own = isBuiltin('node:sqlite') ? [on(process.execPath, 'node:sqlite', `this Node.js, ${process.version}`)] : []
  const others = [
    on(pathOf('node'), 'node:sqlite', 'Node.js 24'),
    on(pathOf('node'), 'better-sqlite3', 'Node.js 24'),
    on(pathOf('bun'), 'bun:sqlite', 'Bun'),
  ]
  return [...own, ...others.filter(({ command }) => existsSync(command))]
}

function on(command: string, client: SqliteName, runtime: string): SqliteRuntime {
  return { title: `${client} on ${runtime}`, command, client }
}

function pathOf(name: string): string {
  return fileURLToPath(new URL(`../../runtimes/node_modules/.bin/${name}`, import.meta.url))
}
