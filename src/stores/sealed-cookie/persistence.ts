import type { Eventually } from '../../contract/store.ts'
import { asMade } from '../../core/keyed/remake.ts'
import { followed } from '../../core/keyed/write.ts'
import type { EngineParts } from '../../core/parts.ts'
import type { Base, ChangeSet, Ending, Persistence, Place, TouchHow, Written } from '../../core/persistence.ts'
import { identityOf } from '../../core/record/contents.ts'
import { deadline } from '../../core/record/expiry.ts'
import { factsIn } from '../../core/record/read.ts'
import { pack } from '../../core/record/write.ts'
import { idOf } from '../../core/token.ts'
import { keyRing } from '../../crypto/key-ring.ts'
import { SessionError } from '../../errors.ts'
import { andThen } from '../../values/eventually.ts'
import { IssuedTokens } from './issued.ts'
import { currentOf, isCurrent, load, reload } from './load.ts'
import { drawKey, epochOf, longestToken, type Parts, seal } from './parts.ts'
import { revocationsIn } from './revocations.ts'
import { move, write } from './write.ts'

/**
 * Sessions sealed in their tokens: whoever holds the token holds the record.
 *
 * Two overlapping requests each answer with a token of their own, and the one that the client keeps is the session.
 * Without a revocation store nothing can take back a token before its deadlines.
 */
export function sealedPersistence(
  engine: EngineParts,
  { name, revocable }: { readonly name: string; readonly revocable: boolean },
): Persistence {
  const { settings, queue } = engine
  const sealer = keyRing(settings.secrets, 'sealed-session', settings.transport.name, settings.random)
  const revocations = revocable ? revocationsIn(engine) : null
  const parts: Parts = { engine, sealer, revocations, issued: new IssuedTokens() }
  /** What takes time is waited for by `close`. */
  const watched = <Result>(work: Eventually<Result>) => (work instanceof Promise ? queue.watch(work) : work)
  return {
    inToken: true,
    wellFormed: (text) => text.length <= longestToken && /^[\w-]+$/.test(text),
    load: (token) => load(parts, token, true),
    reload: (base) => reload(parts, base),
    isCurrent: (base) => isCurrent(parts, base),
    create: (set, draft) => queue.watch(create(parts, set, draft?.key)),
    write: (base, set) => watched(write(parts, asMade(base, set), set)),
    move: (base, set, automatic) => queue.watch(move(parts, asMade(base, set), set, automatic)),
    touch: (base, how) => watched(touch(parts, base, how)),
    end: (place, ending) => queue.watch(end(parts, place, ending)),
    async takeFlash() {
      throw unsupported(name, 'take a flash message from parallel requests: read it with flash.get()')
    },
    async revokeAll(userId, except) {
      if (revocations === null) throw unsupported(name, 'revoke sessions: give it a "revocation" store')
      await revocations.revokeAll(userId, except)
    },
  }
}

async function create(parts: Parts, { frozen }: ChangeSet, drawnKey: string | undefined): Promise<Base> {
  const { engine } = parts
  const record = pack(engine, frozen, 1, engine.settings.clock())
  const key = drawnKey ?? (await drawKey(engine))
  return seal(parts, key, record, frozen.facts, await epochOf(parts, frozen.facts))
}

/**
 * Extends the idle deadline: on the server, where sessions are remembered there, so that a request that only read sends no
 * token, which could take the place of a newer one. Else by a new token, unless another request has issued one since.
 */
function touch(parts: Parts, opened: Base, { asked, reseal, mayIssue }: TouchHow): Eventually<Written> {
  const { engine, revocations, issued } = parts
  return andThen(currentOf(parts, opened), (current) => {
    if (current.kind === 'gone') return current
    if (current.kind === 'elsewhere') return followed(current.live)
    const { base } = current
    const { key, record, facts, sealed } = base
    const expiresAt = Math.max(record.expiresAt, deadline(facts, engine.settings.clock(), engine.settings.timeouts))
    const touched = (to: Base): Written => ({ kind: 'touched', base: to, contents: null, shared: false })
    if (revocations !== null && !reseal) {
      return revocations
        .keepAlive(key, facts, expiresAt, asked)
        .then((extended) =>
          extended ? touched({ ...base, record: { ...record, expiresAt } }) : { kind: 'nothing' as const },
        )
    }
    if (!mayIssue || issued.hasSince(key, sealed?.issued ?? 0)) return { kind: 'nothing' }
    const next = { ...record, version: record.version + 1, expiresAt }
    return andThen(seal(parts, key, next, facts, sealed?.epoch ?? ''), touched)
  })
}

async function end({ engine, revocations }: Parts, { key, record }: Place, ending: Ending): Promise<void> {
  const facts = factsIn(record)
  const isKnown = engine.ended.has(key)
  if (revocations !== null && facts !== null) await revocations.end(key, facts, record)
  engine.ended.add(key, engine.settings.clock())
  if (isKnown) return
  const who = facts === null ? {} : identityOf(facts)
  engine.listeners.emit('destroyed', { at: engine.settings.clock(), id: idOf(key), ...who, ...ending })
}

function unsupported(name: string, what: string): SessionError {
  return new SessionError('UNSUPPORTED', `The store "${name}" cannot ${what}.`)
}
