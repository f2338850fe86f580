import type { Store } from '../../contract/store.ts'

/**
 * Makes of an error one that may be shown; answers the very same error if that may.
 *
 * @param sent - The texts that the operation was given: keys, payloads, user ids.
 */
export type CleanFault = (error: unknown, sent: readonly string[]) => unknown

/** The store, with every error that leaves one of its operations made clean. Answers at hand stay at hand. */
export function cleaned<Kind extends Store>(store: Kind, clean: CleanFault): Kind {
  const wrapped = Object.entries(store).map(([name, member]: [string, unknown]) => {
    if (typeof member !== 'function') return [name, member]
    const operation = (...given: unknown[]): unknown => {
      const fail = (error: unknown): never => {
        throw clean(error, textsIn(given))
      }
      try {
        const answer: unknown = Reflect.apply(member, store, given)
        return answer instanceof Promise ? answer.catch(fail) : answer
      } catch (error) {
        return fail(error)
      }
    }
    return [name, operation]
  })
  return Object.fromEntries(wrapped) as Kind
}

/** Those that were given as they are, and those of a record or a query. */
function textsIn(given: readonly unknown[]): string[] {
  const values = given.flatMap((each) => (typeof each === 'object' && each !== null ? Object.values(each) : [each]))
  return values.filter((value) => typeof value === 'string')
}
