import type { Store } from '../contract/store.ts'
import type { Listeners } from './events.ts'
import type { Settings } from './options.ts'
import type { Abilities } from './store/abilities.ts'
import type { CommitQueue } from './store/commit-queue.ts'
import type { EndedKeys } from './store/ended-keys.ts'
import type { Tokens } from './token.ts'

/** What every part of the engine shares: the settings and what is made from them. */
export interface EngineParts {
  readonly settings: Settings
  readonly tokens: Tokens
  /** Under `storeTimeout`. */
  readonly store: Store
  readonly abilities: Abilities
  readonly queue: CommitQueue
  readonly ended: EndedKeys
  readonly listeners: Listeners
}

/** How long a request with a retired token gets no cookie: a newer one is on its way to the browser. */
export const barredMs = 10_000

/** How long after an automatic rotation the old token still leads to the session. */
export const graceMs = 30_000
