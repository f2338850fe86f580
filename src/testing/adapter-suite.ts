import type { StartAdapter } from './adapter-contract.ts'
import { type AdapterStageCase, onAdapterStage } from './adapter-stage.ts'
import { commitCases } from './adapter-suite-commit.ts'
import { faultCases } from './adapter-suite-faults.ts'
import { identityCases } from './adapter-suite-identity.ts'
import { responseCases } from './adapter-suite-response.ts'

export type { AdapterAnswer, AdapterHandler, AdapterRequest, ServedAdapter, StartAdapter } from './adapter-contract.ts'

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
 */
export function adapterCases(start: StartAdapter): AdapterCase[] {
  const cases: AdapterStageCase[] = [...responseCases, ...commitCases, ...identityCases, ...faultCases]
  return cases.map((each) => ({ title: each.title, run: () => onAdapterStage(start, each) }))
}
