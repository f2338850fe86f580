import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'vitest'
import {
  type AnyData,
  type Closing,
  createSessions,
  type Listing,
  type Sessions,
  type SessionsOptions,
  type Store,
  type StoredRecord,
  type Sweeping,
  type UserIndex,
} from '../../src/index.ts'
import { fileStore } from '../../src/stores/file.ts'
import { type FaultyStore, faultyStore, type ManualClock, manualClock, memoryStore } from '../../src/testing/index.ts'
import { type Routes, type Site, siteOf } from './site.ts'

type Backend = Store & Sweeping & Listing & UserIndex & Partial<Closing>

/** What one test plays on: an empty store of its own, a clock, and whatever is built on them. */
export interface Stage {
  readonly clock: ManualClock
  /** The store itself, its calls recorded and able to fail. */
  readonly store: FaultyStore<Backend>
  /** An empty folder; the file store keeps its sessions in `sessions` below it. */
  readonly folder: string
  /** A session system on the store and the clock; several on one stage are several nodes, or one before and after a restart. */
  sessions<Data extends object = AnyData, Flash extends object = AnyData>(
    options?: SessionsOptions<Data>,
  ): Sessions<Data, Flash>
  /** An Express application with these routes, on a free port. */
  site<Data extends object, Flash extends object>(
    sessions: Sessions<Data, Flash>,
    routes: Routes<Data, Flash>,
  ): Promise<Site>
  /** Released when the test ends. */
  use<Resource extends { close(): unknown }>(resource: Resource): Resource
  /** All that the store holds. */
  records(): Promise<ReadonlyArray<{ readonly key: string; readonly record: StoredRecord }>>
  /** The only record there is. */
  onlyRecord(): Promise<{ readonly key: string; readonly record: StoredRecord }>
}

const backends: Record<string, (folder: string, clock: ManualClock) => Backend> = {
  memory: (_, clock) => memoryStore({ clock }),
  file: (folder, clock) => fileStore({ directory: join(folder, 'sessions'), clock }),
}

/** A test of one behaviour on every store. `timeoutMs` is for one that has much to do. */
export function eachStore(title: string, play: (stage: Stage) => Promise<void>, timeoutMs?: number): void {
  for (const name of Object.keys(backends)) onStore(name, title, play, timeoutMs)
}

/** A test of a behaviour that only one store has. */
export function onStore(name: string, title: string, play: (stage: Stage) => Promise<void>, timeoutMs?: number): void {
  const run = async (): Promise<void> => {
    const open = backends[name]
    if (open === undefined) throw new Error(`no store "${name}" is tested here`)
    const folder = mkdtempSync(join(tmpdir(), 'coatcheck-parity-'))
    const resources: { close(): unknown }[] = []
    try {
      await play(stageOn(folder, open, resources))
    } finally {
      for (const resource of resources.reverse()) await resource.close()
      rmSync(folder, { recursive: true, force: true })
    }
  }
  it(`${title} (${name})`, run, timeoutMs)
}

/** What `work` throws, or rejects with. */
export async function errorOf(work: () => unknown): Promise<unknown> {
  try {
    await work()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

function stageOn(
  folder: string,
  open: (folder: string, clock: ManualClock) => Backend,
  resources: { close(): unknown }[],
): Stage {
  const clock = manualClock()
  const store = faultyStore(open(folder, clock))
  const use: Stage['use'] = (resource) => {
    resources.push(resource)
    return resource
  }
  const records: Stage['records'] = async () => (await store.list({ limit: 1000 })).entries
  return {
    clock,
    store,
    folder,
    sessions: (options = {}) => use(createSessions({ store, clock, ...options })),
    site: async (sessions, routes) => use(await siteOf(sessions, routes)),
    use,
    records,
    async onlyRecord() {
      const [only, ...others] = await records()
      if (only === undefined || others.length > 0) throw new Error(`expected one record, found ${others.length}`)
      return only
    },
  }
}
