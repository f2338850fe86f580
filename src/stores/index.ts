import type { Closing, Listing, Store, Sweeping, UserIndex } from '../contract/store.ts'
import { SessionError } from '../errors.ts'
import { redact } from './_redact.ts'

/** A store that was opened from a text: its opener has to close it. */
export type OpenedStore = Store & Closing & Partial<Sweeping & Listing & UserIndex>

/** Opens a store from a text such as `'redis://localhost:6379'`. It gets the whole text, scheme included. */
export type StoreFactory = (text: string) => Store | Promise<Store>

const factories = new Map<string, StoreFactory>([
  ['memory', openMemory],
  ['file', openFile],
])

/**
 * Opens a store from a configuration text that begins with its scheme: `memory:`, `file:./sessions`,
 * `file:///var/lib/app/sessions`, or a scheme of `registerStore`.
 *
 * The store owns what was opened for it; `close()` releases that. No error shows a password or anything else of the
 * text that may be secret.
 *
 * @throws SessionError `CONFIG_INVALID` for a text without a known scheme, or one that its store cannot use;
 * `STORE_FAILED` if opening fails otherwise.
 */
export async function openStore(text: string): Promise<OpenedStore> {
  const scheme = schemeOf(text)
  const factory = factories.get(scheme)
  if (factory === undefined) {
    throw invalid(`There is no store for "${scheme}:". Known are ${knownSchemes()}; registerStore adds others.`)
  }
  let store: Store
  try {
    store = await factory(text)
  } catch (error) {
    throw withoutSecrets(error, scheme, text)
  }
  if (!isStore(store)) throw invalid(`The factory registered for "${scheme}:" did not answer a store.`)
  return 'close' in store ? (store as OpenedStore) : Object.assign(store, { close: async () => undefined })
}

/**
 * Teaches `openStore` a scheme, for the whole process.
 *
 * `scheme` is the part before the colon: a letter, then letters, digits, `+`, `-` or `.`; in any case. If the store
 * has a `close`, it must release what the factory opened.
 *
 * @throws SessionError `CONFIG_INVALID` for another kind of scheme, one that is taken, or a factory that is not a
 * function.
 */
export function registerStore(scheme: string, factory: StoreFactory): void {
  if (typeof scheme !== 'string' || !/^[a-z][a-z0-9+.-]*$/i.test(scheme)) {
    throw invalid(
      'A store is registered under a scheme such as "redis": a letter, then letters, digits, "+", "-", ".".',
    )
  }
  if (typeof factory !== 'function') {
    const found = factory === null ? 'null' : typeof factory
    throw invalid(`The factory for "${scheme}:" must be a function that makes a store, not ${found}.`)
  }
  const name = scheme.toLowerCase()
  if (factories.has(name)) throw invalid(`A store is registered for "${name}:" already; choose another scheme.`)
  factories.set(name, factory)
}

async function openMemory(text: string): Promise<Store> {
  if (!/^memory:(\/\/)?$/i.test(text)) throw invalid('"memory:" takes nothing after the colon.')
  const { memoryStore } = await import('./memory.ts')
  return memoryStore()
}

async function openFile(text: string): Promise<Store> {
  const path = text.slice('file:'.length)
  if (path === '' || path === '//') throw invalid('"file:" needs a directory: "file:./sessions".')
  if (/^\/\/[^/]/.test(path)) {
    throw invalid('After "file://" comes the third slash of an absolute path; a relative one is "file:./sessions".')
  }
  const { fileStore } = await import('./file.ts')
  return fileStore({ directory: path.startsWith('//') ? decodeURIComponent(path.slice(2)) : path })
}

/** The text itself is in no message: without a scheme, any part of it may be the password. */
function schemeOf(text: string): string {
  const scheme = typeof text === 'string' ? /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1] : undefined
  if (scheme !== undefined) return scheme.toLowerCase()
  throw invalid(`A store is opened from a text that begins with a scheme and a colon: ${knownSchemes()}.`)
}

function knownSchemes(): string {
  return [...factories.keys()].map((scheme) => `"${scheme}:"`).join(', ')
}

function isStore(store: unknown): boolean {
  if (typeof store !== 'object' || store === null) return false
  return ['read', 'create', 'replace', 'touch', 'delete'].every(
    (method) => typeof Reflect.get(store, method) === 'function',
  )
}

/** Without its cause, which may hold the text in any property, as the error of `new URL` does. */
function withoutSecrets(error: unknown, scheme: string, text: string): SessionError {
  const reason = redact(error instanceof Error ? error.message : 'the factory threw something else than an Error', text)
  if (error instanceof SessionError) return new SessionError(error.code, reason)
  return new SessionError('STORE_FAILED', `The "${scheme}:" store could not be opened: ${reason}`)
}

function invalid(message: string): SessionError {
  return new SessionError('CONFIG_INVALID', message)
}
