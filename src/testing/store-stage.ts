import type { Closing, Listing, Store, StoredRecord, Sweeping, UserIndex } from '../contract/store.ts'
import { toBase64Url } from '../crypto/base64url.ts'
import { secureRandom } from '../crypto/random.ts'
import { check, same } from './expect.ts'
import { type ManualClock, manualClock } from './manual-clock.ts'

/** Any store: the five operations, and whichever abilities it has. */
export type StoreUnderTest = Store & Partial<Sweeping & Listing & UserIndex & Closing>

/** What `make` is given for each case. */
export interface StoreContext {
  /** The case's clock, epoch ms. A backend that keeps its own time has no use for it (`clock: 'real'`). */
  readonly clock: () => number
}

/** Something a store can do beyond the five operations: `Sweeping`, `Listing`, `UserIndex`, `Closing`. */
export type StoreAbility = 'sweep' | 'list' | 'users' | 'close'

/** What is true of a backend. */
export interface StoreFacts {
  /** The step in which deadlines are kept, ms; default 1. 1000 for a backend that counts in seconds. */
  readonly deadlineStepMs?: number
  /** `'manual'` (default): deadlines follow the `clock` that `make` is given. `'real'`: they follow the real time. */
  readonly clock?: 'manual' | 'real'
  /** What the store can do; a case checks it. Default: what its methods show, or all if it is made asynchronously. */
  readonly abilities?: ReadonlyArray<StoreAbility>
}

/** What one case plays on: a store of its own with nothing in it, and time. */
export interface Stage<Subject extends Store = StoreUnderTest> {
  readonly store: Subject
  /** The step in which deadlines are kept, ms. */
  readonly step: number
  /** Whether deadlines follow the real time. */
  readonly real: boolean
  now(): number
  /** Lets the time come; waits for it if it is the real one. */
  until(ms: number): Promise<void>
}

/** A case before it has a stage. */
export interface StageCase<Subject extends Store = StoreUnderTest> {
  readonly title: string
  play(stage: Stage<Subject>): Promise<void>
}

/** Sets the stage for one case, plays it and clears up. */
export async function onStage(
  make: (context: StoreContext) => StoreUnderTest | Promise<StoreUnderTest>,
  facts: StoreFacts,
  play: (stage: Stage) => Promise<void>,
): Promise<void> {
  const step = facts.deadlineStepMs ?? 1
  const real = facts.clock === 'real'
  // Near the real time, so that a backend whose own TTL comes on top keeps the records meanwhile.
  const clock = manualClock(roundUp(Date.now(), Math.max(step, 1000)))
  const now = real ? () => Date.now() : clock
  const store = await make({ clock: now })
  try {
    await play({ store, step, real, now, until: real ? waitUntil : setTo(clock) })
  } finally {
    await store.close?.()
  }
}

/** A new key of 32 characters that begins with `prefix`. */
export function newKey(prefix = ''): string {
  return `${prefix}${toBase64Url(secureRandom(24))}`.slice(0, 32)
}

/** A record that lives for an hour unless `changes` say otherwise. */
export function recordFor(stage: Stage<Store>, changes: Partial<StoredRecord> = {}): StoredRecord {
  return { payload: 'payload', version: 1, expiresAt: inMs(stage, 3_600_000), ...changes }
}

/** The instant `ms` from now, on a step that the backend can keep. */
export function inMs(stage: Stage<Store>, ms: number): number {
  return roundUp(stage.now() + ms, stage.step)
}

/** Creates a record and answers it; the case fails if the key was taken. */
export async function put(
  stage: Stage<Store>,
  key: string,
  changes: Partial<StoredRecord> = {},
): Promise<StoredRecord> {
  const record = recordFor(stage, changes)
  same(await stage.store.create(key, record), true, 'create of a free key')
  return record
}

/** Fails unless the store answers this record, or null, for the key. */
export async function holds(
  stage: Stage<Store>,
  key: string,
  expected: StoredRecord | null,
  what: string,
): Promise<void> {
  const found = await stage.store.read(key)
  if (found === null || expected === null) return same(found, expected, what)
  same(essence(found), essence(expected), what)
  const off = Math.abs(found.expiresAt - expected.expiresAt)
  check(off < stage.step, `${what}: expected expiresAt ${expected.expiresAt}, got ${found.expiresAt}`)
}

/** All but the deadline, which a backend may keep in coarser steps. */
function essence({ payload, version, userId }: StoredRecord): unknown {
  return { payload, version, userId }
}

function setTo(clock: ManualClock): (ms: number) => Promise<void> {
  return async (ms) => clock.set(ms)
}

async function waitUntil(ms: number): Promise<void> {
  while (Date.now() < ms) await new Promise((resolve) => setTimeout(resolve, Math.min(ms - Date.now(), 1000)))
}

function roundUp(ms: number, step: number): number {
  return Math.ceil(ms / step) * step
}
