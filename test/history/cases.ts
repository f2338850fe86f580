import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkHistory } from './check.ts'
import { type AnomalyKind, describeAnomaly, type History, type Kind } from './history.ts'
import type { Planted, Target } from './job.ts'
import type { Fault } from './nemesis.ts'
import { runTrial, type Verdict } from './run.ts'

/** A store for the clients, and what may befall it. */
export interface TargetUnderFaults {
  readonly target: Pick<Target, 'through' | 'at'>
  readonly faults: readonly Fault[]
  close(): Promise<void>
}

const cache = resolve(dirname(fileURLToPath(import.meta.url)), '../../node_modules/.cache/coatcheck-history')
const promises = 'X1 X2 X5 REL-07'
const shortMs = 8_000
/** Less than the minute for which a retired key is remembered: the audit follows those. */
const longMs = 25_000

/** What each planted fault must be found as, at least. */
const plants: ReadonlyArray<readonly [Planted, string, readonly AnomalyKind[]]> = [
  ['blind-upsert', 'a blind upsert', ['lost-update']],
  ['stale-read', 'a stale read', ['stale-read', 'backwards']],
  ['revival', 'a save that brings back what was ended', ['resurrection']],
]

/** One run under all faults, and one with each planted fault. */
export function historyCases(name: string, setUp: () => Promise<TargetUnderFaults>): void {
  describe(`the history of four processes on ${name}`, () => {
    const at = prepared(setUp)

    it(`${promises}: keeps every promise under faults of clients, server and network`, {
      timeout: 180_000,
    }, async () => {
      await keepsPromises(name, at(), freshSeed(), shortMs)
    })

    for (const [planted, title, kinds] of plants) {
      it(`planted: ${title} is found`, { timeout: 120_000 }, async () => {
        const { anomalies } = await runTrial({
          target: { ...at().target, planted },
          seed: freshSeed(),
          durationMs: 0,
          sparesClients: true,
          enough: (history) => checkHistory(history).some(({ kind }) => kinds.includes(kind)),
        })
        expect(anomalies.map(({ kind }) => kind)).toEqual(expect.arrayContaining([expect.toBeOneOf([...kinds])]))
      })
    }
  })
}

/** Runs under all faults, one after another for so many minutes, each with a seed of its own. */
export function longHistoryCases(name: string, minutes: number, setUp: () => Promise<TargetUnderFaults>): void {
  describe(`the long history of four processes on ${name}`, () => {
    const at = prepared(setUp)

    it(`${promises}: keeps every promise for ${minutes} minutes of faults`, {
      timeout: minutes * 120_000,
    }, async () => {
      const end = performance.now() + minutes * 60_000
      while (performance.now() < end) await keepsPromises(name, at(), freshSeed(), longMs)
    })
  })
}

function prepared(setUp: () => Promise<TargetUnderFaults>): () => TargetUnderFaults {
  let target: TargetUnderFaults | undefined
  beforeAll(async () => {
    target = await setUp()
  })
  afterAll(() => target?.close())
  return () => {
    if (target === undefined) throw new Error('the target is not set up')
    return target
  }
}

async function keepsPromises(
  name: string,
  { target, faults }: TargetUnderFaults,
  seed: number,
  durationMs: number,
): Promise<void> {
  console.log(`seed ${seed} (COATCHECK_SEED=${seed} lets the clients want the same again)`)
  const verdict = await runTrial({ target, seed, durationMs, faults, enough: isEventful })
  const { history, anomalies, struck } = verdict
  if (anomalies.length > 0) keep(name, seed, verdict)
  expect(anomalies.slice(0, 8).map((anomaly) => describeAnomaly(anomaly, history))).toEqual([])
  // A run in which nothing happened would show nothing.
  expect(isEventful(history)).toBe(true)
  expect(Math.min(...Object.values(struck))).toBeGreaterThan(0)
}

/** Whether everything that is watched for has happened. */
function isEventful({ operations }: History): boolean {
  const done = (kind: Kind): number =>
    operations.filter((operation) => operation.kind === kind && operation.result === 'done').length
  return (
    done('increment') + done('push') + done('set') > 200 &&
    Math.min(done('regenerate'), done('login'), done('destroy')) > 0 &&
    operations.some(({ got }) => typeof got === 'string') &&
    operations.some(({ result }) => result === 'unknown') &&
    operations.some(({ gone }) => gone)
  )
}

/** What went wrong is seldom to be had a second time. */
function keep(name: string, seed: number, verdict: Verdict): void {
  mkdirSync(cache, { recursive: true })
  const path = join(cache, `${name}-${seed}.json`)
  writeFileSync(path, JSON.stringify(verdict))
  console.log(`the history is in ${path}`)
}

/** The seed of a run, which `COATCHECK_SEED` sets. */
export function freshSeed(): number {
  return Number(process.env['COATCHECK_SEED'] ?? (Date.now() ^ (Math.random() * 2 ** 31)) & 0x7fffffff)
}
