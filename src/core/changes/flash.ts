import { own, put } from '../../codecs/envelope.ts'
import type { Envelope, FlashMessage } from '../../contract/codec.ts'
import type { AnyData, FlashMessages } from '../../contract/session.ts'

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
  readonly read: ReadonlyMap<string, string>
}

/** The flash messages of one request: those that arrived, those it leaves, those it shows itself. */
export class FlashBag implements FlashMessages<AnyData> {
  readonly #host: FlashHost
  #arrived: Record<string, FlashMessage>
  readonly #shown = new Map<string, unknown>()
  #left = new Map<string, FlashMessage>()
  /** Key to stamp of what was read and is to be removed. */
  #read = new Map<string, string>()
  /** Stamps that a commit has removed. */
  readonly #removed = new Set<string>()

  constructor(host: FlashHost, arrived: Record<string, FlashMessage>) {
    this.#host = host
    this.#arrived = arrived
  }

  get changed(): boolean {
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
    const message = messageIn(this.#arrived, key)
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
    return this.#shown.has(key) ? this.#shown.get(key) : messageIn(this.#arrived, key)?.value
  }

  keep(key?: string): void {
    if (key === undefined) this.#read.clear()
    else this.#read.delete(key)
  }

  all(): AnyData {
    const messages: AnyData = {}
    for (const key of Object.keys(this.#arrived)) put(messages, key, this.get(key))
    for (const [key, value] of this.#shown) put(messages, key, value)
    return messages
  }

  /** Forgets what belonged to a session that was ended. */
  forget(): void {
    this.#arrived = {}
    this.#left.clear()
    this.#read.clear()
  }

  /** Hands over what a commit is to store. */
  takeChanges(): FlashChanges | null {
    if (!this.changed) return null
    const changes = { left: this.#left, read: this.#read }
    for (const stamp of this.#read.values()) this.#removed.add(stamp)
    this.#left = new Map()
    this.#read = new Map()
    return changes
  }

  /** Takes changes back that could not be stored. */
  restore({ left, read }: FlashChanges): void {
    for (const stamp of read.values()) this.#removed.delete(stamp)
    this.#left = new Map([...left, ...this.#left])
    this.#read = new Map([...read, ...this.#read])
  }

  /** Makes the changes on an envelope. */
  write(envelope: Envelope, { left, read }: FlashChanges): void {
    const messages: Record<string, FlashMessage> = {}
    for (const [key, message] of Object.entries(envelope.flash ?? {})) {
      if (read.get(key) !== message.stamp) put(messages, key, message)
    }
    for (const [key, message] of left) put(messages, key, message)
    envelope.flash = messages
  }
}

/** The message under a key, if there is one. */
export function messageIn(messages: Record<string, FlashMessage> | undefined, key: string): FlashMessage | undefined {
  return messages === undefined ? undefined : (own(messages, key) as FlashMessage | undefined)
}
