import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { bundleChild } from '../../fixtures/children.ts'
import type { SqliteRuntime } from './runtimes.ts'

type Child = ChildProcessByStdio<null, Readable, null>

/** What came of writers in several processes, one of which was killed. */
export interface WriteReport {
  readonly errors: string[]
  /** The versions that were acknowledged last, by key. */
  readonly acknowledged: ReadonlyMap<string, number>
  /** The versions that are in the file at the end, by key. */
  readonly found: Readonly<Record<string, number>>
  /** What `PRAGMA integrity_check` says. */
  readonly integrity: unknown
  /** How often another process held the lock. */
  readonly interruptions: number
}

/** Lets each runtime write to one new file for so long, kills the first of them half-way, and looks at the file. */
export async function writeTogether(runtimes: readonly SqliteRuntime[], ms: number): Promise<WriteReport> {
  const folder = mkdtempSync(join(tmpdir(), 'coatcheck-sqlite-'))
  const path = join(folder, 'sessions.db')
  const [writer, hog, inspector] = await Promise.all(
    ['writer', 'hog', 'inspector'].map((name) => bundleChild(new URL(`./${name}.ts`, import.meta.url))),
  )
  const [first] = runtimes
  if (first === undefined) throw new Error('there is no runtime with SQLite')
  const start = ({ command, client }: SqliteRuntime, script = '', ...args: string[]): Child =>
    spawn(command, [script, client, path, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const answerOf = async (child: Child): Promise<string> => text(child.stdout)

  const errors: string[] = []
  const acknowledged = new Map<string, number>()
  const listen = async (child: Child, onReady: () => void): Promise<void> => {
    for await (const line of createInterface({ input: child.stdout })) {
      const { key, version, error, ready } = JSON.parse(line) as Record<string, never>
      if (ready !== undefined) onReady()
      else if (error !== undefined) errors.push(error)
      else acknowledged.set(key ?? '', version ?? 0)
    }
  }

  try {
    // Makes the file, in WAL mode.
    await answerOf(start(first, hog, '0'))
    const writers = runtimes.map((runtime) => start(runtime, writer, String(ms)))
    const killed = writers[0]
    const listening = writers.map((child) =>
      listen(child, () => {
        if (child === killed) setTimeout(() => child.kill('SIGKILL'), ms / 2)
      }),
    )
    const interruptions = Number(await answerOf(start(first, hog, String(ms))))
    await Promise.all(listening)
    const { integrity, versions } = JSON.parse(await answerOf(start(first, inspector)))
    return { errors, acknowledged, found: versions, integrity, interruptions }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
