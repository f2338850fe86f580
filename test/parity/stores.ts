import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, it } from 'vitest'
import {
  type AnyData,
  type Closing,
  createSessions,
  type Listing,
  richCodec,
  type Sessions,
  type SessionsOptions,
  type Store,
  type StoredRecord,
  type Sweeping,
  type UserIndex,
} from '../../src/index.ts'
import { type FaultyStore, faultyStore, type ManualClock, manualClock } from '../../src/testing/index.ts'
import { type AnyStore, backendNames, backends, disconnect, isAvailable } from './backends.ts'
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
  /** Whether the store can do this; if not, asking for it is refused. */
  can(ability: 'list' | 'sweep'): boolean
  /** How many sessions the store holds, ids that were retired not among them. */
  live(): Promise<number>
  /** All that the store holds. */
  records(): Promise<ReadonlyArray<{ readonly key: string; readonly record: StoredRecord }>>
  /** The only record there is. */
  onlyRecord(): Promise<{ readonly key: string; readonly record: StoredRecord }>
}

/**
 * The rows that depend on the store, and so are shown on every kind that there is. The others are about what the engine
 * does with any store: they run on two, one that answers at once and one that does not.
 */
const everywhere = new Set(
  'X1 X2 X3 X4 L2 L16 L18 L19 L20 L21 L22 D3 D5 D9 D12 D17 B15 B17 B20 F5 F7 F8 F9 F10 F16'.split(' '),
)
const two = ['memory', 'file']

/** What a test needs beyond the five operations. */
export interface Needs {
  readonly needs?: ReadonlyArray<'list' | 'sweep'>
  /** For a test that has much to do. */
  readonly timeoutMs?: number
}

/** A test of one behaviour: on every store if it depends on the store, by its row, else on two. */
export function eachStore(title: string, play: (stage: Stage) => Promise<void>, needs: Needs = {}): void {
  const [row = ''] = title.split(' ')
  // A block without a test would be an error.
  if (!two.some((name) => backendNames().includes(name)) && !everywhere.has(row)) it.skip(title)
  for (const name of backendNames()) {
    const lacking = needs.needs?.some((ability) => backends[name]?.lacks?.includes(ability))
    if (!lacking && (everywhere.has(row) || two.includes(name))) onStore(name, title, play, needs)
  }
}

/** A test of a behaviour that only one store has. */
export function onStore(name: string, title: string, play: (stage: Stage) => Promise<void>, needs: Needs = {}): void {
  const backend = backends[name]
  if (backend === undefined || !backendNames().includes(name)) return it.skip(title)
  const run = async (): Promise<void> => {
    const folder = mkdtempSync(join(tmpdir(), 'coatcheck-parity-'))
    const resources: { close(): unknown }[] = []
    const clock = manualClock()
    try {
      const store = await backend.open(clock, folder, `parity_${process.pid}_${opened++}`)
      await play(stageOn(folder, clock, store, resources))
    } finally {
      for (const resource of resources.reverse()) await resource.close()
      rmSync(folder, { recursive: true, force: true })
    }
  }
  it.skipIf(!isAvailable(backend))(`${title} (${name})`, run, needs.timeoutMs)
}

let opened = 0
afterAll(disconnect)

/** What `work` throws, or rejects with. */
export async function errorOf(work: () => unknown): Promise<unknown> {
  try {
    await work()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

function stageOn(folder: string, clock: ManualClock, opened: AnyStore, resources: { close(): unknown }[]): Stage {
  // A test that uses an ability says that it needs it, and is not run on a store without.
  const store = faultyStore(opened as Backend)
  const use: Stage['use'] = (resource) => {
    resources.push(resource)
    return resource
  }
  const records: Stage['records'] = async () => {
    if ((opened.list as unknown) !== undefined) return (await store.list({ limit: 1000 })).entries
    const keys = new Set(store.calls.flatMap(({ operation, key }) => (operation === 'create' && key ? [key] : [])))
    const found = await Promise.all([...keys].map(async (key) => ({ key, record: await opened.read(key) })))
    return found.flatMap(({ key, record }) => (record === null ? [] : [{ key, record }]))
  }
  return {
    clock,
    store,
    folder,
    sessions: (options = {}) => use(createSessions({ store, clock, ...options })),
    site: async (sessions, routes) => use(await siteOf(sessions, routes)),
    use,
    can: (ability) => typeof opened[ability] === 'function',
    async live() {
      const codec = richCodec()
      return (await records()).filter(({ record }) => codec.decode(record.payload)?.retired === undefined).length
    },
    records,
    async onlyRecord() {
      const [only, ...others] = await records()
      if (only === undefined || others.length > 0) throw new Error(`expected one record, found ${others.length}`)
      return only
    },
  }
}
