import { SessionError } from '../../errors.ts'
import { getOwn, setOwn } from '../../values/safe-object.ts'
import type { Contents } from '../record/contents.ts'
import { noMessages } from '../record/contents.ts'

/**
 * One change that a request asked for.
 *
 * Changes are kept beside the values they made, so that a commit that met a concurrent write can make them again on
 * what that write stored.
 */
export type Change =
  | { readonly op: 'set'; readonly key: string; readonly value: unknown }
  | { readonly op: 'delete'; readonly key: string }
  | { readonly op: 'clear' }
  | { readonly op: 'update'; readonly key: string; readonly change: (current: unknown) => unknown }
  | { readonly op: 'push'; readonly key: string; readonly items: readonly unknown[] }
  | { readonly op: 'regenerate' }
  | Login

export interface Login {
  readonly op: 'login'
  readonly userId: string
  readonly at: number
  readonly device: string | undefined
  /** The keys that survive; undefined for all. */
  readonly keep: readonly string[] | undefined
  /** What names the session if the user changes: it is another person's then. */
  readonly root: string
}

/** Whether changes ask for a new token, and if so by which verb; `login` before `regenerate`. */
export function identityIn(changes: readonly Change[]): 'login' | 'regenerate' | null {
  let identity: 'login' | 'regenerate' | null = null
  for (const { op } of changes) {
    if (op === 'login') return op
    if (op === 'regenerate') identity = op
  }
  return identity
}

/** Makes a change. */
export function apply(contents: Contents, change: Change): void {
  switch (change.op) {
    case 'set':
      return setOwn(contents.data, change.key, change.value)
    case 'update':
      return setOwn(contents.data, change.key, change.change(getOwn(contents.data, change.key)))
    case 'push':
      return setOwn(contents.data, change.key, [...listAt(contents.data, change.key), ...change.items])
    case 'delete':
      delete contents.data[change.key]
      return
    case 'clear':
      contents.data = {}
      return
    case 'login':
      return signIn(contents, change)
    case 'regenerate':
      return
  }
}

/** The array under a key, empty if there is none. Throws for anything else. */
export function listAt(data: Record<string, unknown>, key: string): readonly unknown[] {
  const current = getOwn(data, key)
  if (current === undefined) return []
  if (Array.isArray(current)) return current
  throw new SessionError('VALUE_INVALID', 'push needs an array, and the key holds something else: set an array first.')
}

function signIn(contents: Contents, { userId, at, device, keep, root }: Login): void {
  const { facts, data } = contents
  const changesUser = facts.userId !== undefined && facts.userId !== userId
  const kept = keep ?? (changesUser ? [] : undefined)
  if (kept !== undefined) {
    contents.data = {}
    for (const key of kept) if (Object.hasOwn(data, key)) setOwn(contents.data, key, data[key])
    contents.flash = noMessages
  }
  const { device: _, ...others } = facts
  const identity = { root: changesUser ? root : facts.root, userId, authenticatedAt: at }
  contents.facts = { ...others, ...identity, ...(device !== undefined && { device }) }
}
