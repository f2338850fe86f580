import type { SessionEventName, SessionListener } from '../contract/events.ts'
import type { AnyData } from '../contract/session.ts'
import type { Sessions } from '../contract/sessions.ts'
import type { SealedStore, Store } from '../contract/store.ts'
import { Listeners } from './events.ts'
import { keyedPersistence } from './keyed/persistence.ts'
import { resolveOptions, type SessionsOptions } from './options.ts'
import type { EngineParts } from './parts.ts'
import { persistenceOf } from './self-persisting.ts'
import { LiveSessions } from './sessions.ts'
import { abilitiesOf } from './store/abilities.ts'
import { CommitQueue } from './store/commit-queue.ts'
import { Guard, guardListing, guardStore, guardUserIndex } from './store/deadline.ts'
import { EndedKeys } from './store/ended-keys.ts'
import { createTokens } from './token.ts'

/** Makes the session system of an application. `createSessions` of the root door adds the default store. */
export function buildSessions<Data extends object = AnyData, Flash extends object = AnyData>(
  options: SessionsOptions<Data> & { readonly store: Store | SealedStore },
): Sessions<Data, Flash> {
  const settings = resolveOptions(options)
  const listeners = new Listeners()
  for (const [name, listener] of Object.entries(options.on ?? {})) {
    listeners.on(name as SessionEventName, listener as SessionListener<SessionEventName>)
  }
  const guard = new Guard(settings.store.name, settings.storeTimeout, (operation, error) =>
    listeners.emit('store-error', { at: settings.clock(), operation, error }),
  )
  const { listing, userIndex, ...abilities } = abilitiesOf(settings.store, settings.sealed !== null)
  const parts: EngineParts = {
    settings,
    listeners,
    tokens: createTokens(settings.id, settings.transport.name, settings.secrets, settings.random),
    store: guardStore(settings.store, guard),
    abilities: {
      ...abilities,
      listing: listing && guardListing(listing, guard),
      userIndex: userIndex && guardUserIndex(userIndex, guard),
    },
    queue: new CommitQueue(),
    ended: new EndedKeys(),
  }
  const persistence = settings.sealed === null ? keyedPersistence(parts) : persistenceOf(settings.sealed, parts)
  // One implementation serves every shape of data; the shapes exist for the compiler alone.
  return new LiveSessions({ ...parts, persistence }) as unknown as Sessions<Data, Flash>
}
