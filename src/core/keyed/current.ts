import type { Eventually, StoredRecord } from '../../contract/store.ts'
import { openText, sealText } from '../../crypto/seal.ts'
import { andThen } from '../../values/eventually.ts'
import type { EngineParts } from '../parts.ts'
import type { Base, Live } from '../persistence.ts'
import { readRecord, reportRefused } from '../record/read.ts'
import type { Tombstone } from '../record/wire.ts'

/** What the successor's token is sealed for. */
const sealPurpose = 'coatcheck successor 1'
const longestChain = 4

/** What became of a session since a request has seen it. */
export type Current =
  | { readonly kind: 'live'; readonly live: Live }
  /** An automatic rotation has moved it, and a request with the old token may follow. */
  | { readonly kind: 'elsewhere'; readonly live: Live }
  | { readonly kind: 'gone' }

const gone: Current = { kind: 'gone' }

/** The session of `base` in the record that its key holds now. */
export function currentOf(engine: EngineParts, base: Base, latest: StoredRecord | null): Eventually<Current> {
  return andThen(readRecord(engine, base.key, latest), (reading) => {
    switch (reading.kind) {
      case 'live': {
        const { contents, writeId } = reading
        const record = latest ?? base.record
        const found = { token: base.token, key: base.key, record, facts: contents.facts }
        return { kind: 'live', live: { kind: 'live', base: found, contents, writeId } }
      }
      case 'tombstone':
        return follow(engine, base.token, reading.tombstone).then((live) =>
          live === null ? gone : { kind: 'elsewhere', live },
        )
      case 'refused':
        reportRefused(engine, reading.reason, base.key, reading.contents)
        return gone
      default:
        return gone
    }
  })
}

/** The session that an automatic rotation has moved from a token, however often it has moved since; null if it is gone. */
export async function follow(engine: EngineParts, token: string, tombstone: Tombstone): Promise<Live | null> {
  let left = tombstone
  let from = token
  for (let hops = 0; hops < longestChain; hops++) {
    if (left.next === undefined || left.sealedNext === undefined) return null
    const successor = await openText(from, sealPurpose, left.sealedNext)
    if (successor === null) return null
    const record = await engine.store.read(left.next)
    const reading = await readRecord(engine, left.next, record)
    if (reading.kind === 'live' && record !== null) {
      const { contents, writeId } = reading
      const base = { token: successor, key: left.next, record, facts: contents.facts }
      return { kind: 'live', base, contents, writeId }
    }
    if (reading.kind === 'refused') reportRefused(engine, reading.reason, left.next, reading.contents)
    if (reading.kind !== 'tombstone') return null
    left = reading.tombstone
    from = successor
  }
  return null
}

/** The successor's token as only the holder of the old token can read it: a dump of the store reveals nothing. */
export function sealSuccessor(token: string, successor: string): Promise<string> {
  return sealText(token, sealPurpose, successor)
}
