import type { Facts } from './wire.ts'

/** A one-time message on its way to a later request. */
export interface FlashMessage {
  readonly value: unknown
  /** Tells this message from a later one under the same key. */
  readonly stamp: string
}

/** Everything in a session, in the hands of one request that may change it. */
export interface Contents {
  facts: Facts
  data: Record<string, unknown>
  /** The messages that arrived. */
  flash: Readonly<Record<string, FlashMessage>>
}

/** What a session holds at one moment, as text: nothing that the application does later changes it. */
export interface Frozen {
  readonly facts: Facts
  /** The stamps of the flash messages as JSON; `''` for none. */
  readonly stamps: string
  /** What the codec wrote. */
  readonly values: string
}

/** A session with nothing in it. Its root is drawn when it is first needed: most requests never store one. */
export function freshContents(now: number): Contents {
  return { facts: { createdAt: now, root: '' }, data: {}, flash: noMessages }
}

export const noMessages: Readonly<Record<string, FlashMessage>> = Object.freeze({})

/** The session and its owner, for an event. */
export function identityOf({ root, userId }: Pick<Facts, 'root' | 'userId'>): { root: string; userId?: string } {
  return userId === undefined ? { root } : { root, userId }
}

const mostFormerIds = 4

/** The facts of a session that gets a new key: it answers to the ids that it had, for lists that were made before. */
export function underNewKey(facts: Facts, formerId: string, now: number): Facts {
  const formerIds = [formerId, ...(facts.formerIds ?? [])].slice(0, mostFormerIds)
  return { ...facts, rotatedAt: now, formerIds }
}

/** Whether a session is meant by a handle: its id, its root, or an id that it had. */
export function answersTo(handle: string, id: string, { root, formerIds }: Facts): boolean {
  return handle === id || (handle === root && root !== '') || formerIds?.includes(handle) === true
}
