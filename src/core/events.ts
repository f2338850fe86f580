import type { SessionEventName, SessionEvents, SessionListener } from '../contract/events.ts'
import { SessionError } from '../errors.ts'

const names: ReadonlySet<string> = new Set<SessionEventName>([
  ...(['created', 'rotated', 'destroyed', 'expired', 'invalid', 'token-conflict', 'token-reuse', 'gone'] as const),
  ...(['conflict', 'limit', 'store-error', 'insecure-transport', 'swept'] as const),
])

/** Who listens to what. */
export class Listeners {
  readonly #listeners = new Map<string, Set<SessionListener<never>>>()

  /** Throws `CONFIG_INVALID` for an event that does not exist. */
  on<Name extends SessionEventName>(name: Name, listener: SessionListener<Name>): () => void {
    if (!names.has(name)) {
      throw new SessionError('CONFIG_INVALID', `There is no event "${name}". There are: ${[...names].join(', ')}.`)
    }
    if (typeof listener !== 'function') throw new SessionError('CONFIG_INVALID', 'A listener must be a function.')
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners)
    // Each subscription is its own: the same function twice is called twice.
    const subscription = ((event: never) => listener(event)) as SessionListener<never>
    listeners.add(subscription)
    return () => listeners.delete(subscription)
  }

  emit<Name extends SessionEventName>(name: Name, facts: SessionEvents[Name]): void {
    const listeners = this.#listeners.get(name)
    if (listeners === undefined) return
    const event = { type: name, ...facts } as never
    const report = (error: unknown) => console.error(`coatcheck: a listener of "${name}" threw`, error)
    for (const listener of listeners) {
      try {
        const answer: unknown = listener(event)
        // Nothing waits for an asynchronous listener, but its rejection must not end the process.
        if (answer instanceof Promise) answer.catch(report)
      } catch (error) {
        report(error)
      }
    }
  }
}
