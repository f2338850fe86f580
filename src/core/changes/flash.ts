import type { AnyData, FlashMessages } from '../../contract/session.ts'
import { getOwn, setOwn } from '../../values/safe-object.ts'
import type { FlashMessage } from '../record/contents.ts'

/** What the flash messages need of the session around them. */
export interface FlashHost {
  /** Something unique, to tell a message from a later one under the same key. */
  stamp(): string
  /** Throws if nothing can be left for a later request any more. */
  assertWritable(): void
  /** Removes the stored message at once, atomically. */
  take(key: string): Promise<unknown>
}

/** The flash changes of one commit. */
export interface FlashChanges {
  readonly left: ReadonlyMap<string, FlashMessage>
  /** Key to stamp of what was read and is to be removed. */
  readonly read: ReadonlyMap<string, string>
}

/** The flash messages of one request: those that arrived, those it leaves, those it shows itself. */
export class FlashBag implements FlashMessages<AnyData> {
  readonly #host: FlashHost
  #arrived: Record<string, FlashMessage>
  readonly #shown = new Map<string, unknown>()
  readonly #left = new Map<string, FlashMessage>()
  readonly #read = new Map<string, string>()
  /** Stamps that a commit has removed, or is about to. */
  readonly #removed = new Set<string>()

  constructor(host: FlashHost, arrived: Readonly<Record<string, FlashMessage>>) {
    this.#host = host
    this.#arrived = { ...arrived }
  }

  get isChanged(): boolean {
    return this.#left.size > 0 || this.#read.size > 0
  }

  /** Whether there is a message to store. */
  get leaves(): boolean {
    return this.#left.size > 0
  }

  set(key: string, value: unknown): void {
    this.#host.assertWritable()
    this.#left.set(key, { value, stamp: this.#host.stamp() })
  }

  now(key: string, value: unknown): void {
    this.#shown.set(key, value)
  }

  get(key: string): unknown {
    if (this.#shown.has(key)) return this.#shown.get(key)
    const message = getOwn(this.#arrived, key)
    if (message !== undefined && !this.#removed.has(message.stamp)) this.#read.set(key, message.stamp)
    return message?.value
  }

  async take(key: string): Promise<unknown> {
    if (this.#shown.has(key)) {
      const value = this.#shown.get(key)
      this.#shown.delete(key)
      return value
    }
    const value = await this.#host.take(key)
    delete this.#arrived[key]
    this.#read.delete(key)
    return value
  }

  peek(key: string): unknown {
    return this.#shown.has(key) ? this.#shown.get(key) : getOwn(this.#arrived, key)?.value
  }

  keep(key?: string): void {
    if (key === undefined) this.#read.clear()
    else this.#read.delete(key)
  }

  all(): AnyData {
    const messages: AnyData = {}
    for (const key of Object.keys(this.#arrived)) setOwn(messages, key, this.get(key))
    for (const [key, value] of this.#shown) setOwn(messages, key, value)
    return messages
  }

  /** Forgets what belonged to a session that was ended. */
  forget(): void {
    this.#arrived = {}
    this.#left.clear()
    this.#read.clear()
  }

  /** What a commit is to store; null for nothing. */
  changes(): FlashChanges | null {
    return this.isChanged ? { left: new Map(this.#left), read: new Map(this.#read) } : null
  }

  /** The changes are stored, or were given up. What was set or read again since is due still. */
  drop({ left, read }: FlashChanges): void {
    for (const [key, { stamp }] of left) if (this.#left.get(key)?.stamp === stamp) this.#left.delete(key)
    for (const [key, stamp] of read) {
      this.#removed.add(stamp)
      if (this.#read.get(key) === stamp) this.#read.delete(key)
    }
  }
}

/** The messages with the changes made. `values` are those that were frozen with the commit, if it met another one. */
export function withChanges(
  messages: Readonly<Record<string, FlashMessage>>,
  changes: FlashChanges | null,
  values?: Readonly<Record<string, unknown>>,
): Readonly<Record<string, FlashMessage>> {
  if (changes === null) return messages
  const result: Record<string, FlashMessage> = {}
  for (const [key, message] of Object.entries(messages)) {
    if (changes.read.get(key) !== message.stamp) setOwn(result, key, message)
  }
  for (const [key, message] of changes.left) {
    const frozen = values !== undefined && Object.hasOwn(values, key)
    setOwn(result, key, frozen ? { value: values[key], stamp: message.stamp } : message)
  }
  return result
}
