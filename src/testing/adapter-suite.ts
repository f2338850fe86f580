import type { AdapterFacts, StartAdapter } from './adapter-contract.ts'
import { type AdapterStageCase, onAdapterStage } from './adapter-stage.ts'
import { commitCases } from './adapter-suite-commit.ts'
import { exchangeCases } from './adapter-suite-exchange.ts'
import { faultCases } from './adapter-suite-faults.ts'
import { identityCases } from './adapter-suite-identity.ts'
import { mountCases } from './adapter-suite-mount.ts'
import { responseCases } from './adapter-suite-response.ts'
import { streamCases } from './adapter-suite-stream.ts'

export type {
  AdapterAnswer,
  AdapterFacts,
  AdapterHandler,
  AdapterRequest,
  AdapterServing,
  ServedAdapter,
  StartAdapter,
} from './adapter-contract.ts'

/** One check of an adapter, for any test runner: `it(title, run)`. */
export interface AdapterCase {
  readonly title: string
  /** Rejects with an `Error` that says what was expected. */
  run(): Promise<void>
}

/**
 * What every adapter must do, seen from outside over HTTP.
 *
 * ```ts
 * import { adapterCases } from 'coatcheck/testing'
 *
 * for (const { title, run } of adapterCases(startMyFramework)) it(title, run)
 * ```
 *
 * `facts` say what `start` can do beyond the least that is asked of it.
 */
export function adapterCases(start: StartAdapter, { tls = false }: AdapterFacts = {}): AdapterCase[] {
  const cases: AdapterStageCase[] = [
    ...responseCases,
    ...streamCases,
    ...exchangeCases,
    ...commitCases,
    ...identityCases,
    ...mountCases,
    ...faultCases,
  ]
  return cases
    .filter(({ serving }) => tls || serving?.tls !== true)
    .map((each) => ({ title: each.title, run: () => onAdapterStage(start, each) }))
}
