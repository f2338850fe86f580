import { own, put } from '../../codecs/envelope.ts'
import type { Envelope } from '../../contract/codec.ts'

/**
 * One change that a request asked for.
 *
 * Intents are kept beside the values they made, so that a commit that met a concurrent write can make them again on
 * what that write stored.
 */
export type Intent =
  | { readonly op: 'set'; readonly key: string; readonly value: unknown }
  | { readonly op: 'delete'; readonly key: string }
  | { readonly op: 'clear' }
  | { readonly op: 'update'; readonly key: string; readonly change: (current: unknown) => unknown }
  | {
      readonly op: 'login'
      readonly userId: string
      readonly at: number
      readonly device: string | undefined
      /** The keys that survive; undefined for all. */
      readonly keep: readonly string[] | undefined
    }

/** Changes the envelope as the intent says. */
export function apply(envelope: Envelope, intent: Intent): void {
  switch (intent.op) {
    case 'set':
      return put(envelope.data, intent.key, intent.value)
    case 'update':
      return put(envelope.data, intent.key, intent.change(own(envelope.data, intent.key)))
    case 'delete':
      delete envelope.data[intent.key]
      return
    case 'clear':
      envelope.data = {}
      return
    case 'login':
      return signIn(envelope, intent)
  }
}

function signIn(envelope: Envelope, { userId, at, device, keep }: Extract<Intent, { op: 'login' }>): void {
  const kept = keep ?? (envelope.userId === undefined || envelope.userId === userId ? undefined : [])
  if (kept !== undefined) {
    const { data } = envelope
    envelope.data = {}
    for (const key of kept) if (Object.hasOwn(data, key)) put(envelope.data, key, data[key])
    delete envelope.flash
  }
  envelope.userId = userId
  envelope.authenticatedAt = at
  if (device === undefined) delete envelope.device
  else envelope.device = device
}
