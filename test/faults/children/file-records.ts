import type { StoredRecord } from '../../../src/contract/store.ts'

/** The only record that may ever be seen with this version: ~10 kB of one letter, of one of two owners. */
export function recordOf(version: number): StoredRecord {
  const isEven = version % 2 === 0
  return {
    payload: (isEven ? 'A' : 'B').repeat(10_000 + (version % 1_000)),
    version,
    expiresAt: 4_000_000_000_000 + version,
    userId: isEven ? 'even' : 'odd',
  }
}
