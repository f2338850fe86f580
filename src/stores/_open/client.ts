import { readFile } from 'node:fs/promises'
import type { Closing, Store } from '../../contract/store.ts'
import { flag, refusal } from './connection-string.ts'
import { goodbyeMs } from './timeouts.ts'

/** A package of the application, and what it exports. */
export interface LoadedPackage {
  readonly name: string
  readonly exports: Readonly<Record<string, unknown>>
}

/**
 * Loads a client when a connection string asks for it: the first of the packages that is there.
 *
 * The name is no literal, so that a bundler neither demands nor includes packages that an application does without.
 * Throws `CONFIG_INVALID` with what to install if there is none.
 *
 * @param beside - What a package needs without saying so.
 */
export async function loadPackage(scheme: string, names: readonly string[], beside = ''): Promise<LoadedPackage> {
  const codes: string[] = []
  for (const name of names) {
    try {
      const loaded: object = await import(/* webpackIgnore: true */ /* @vite-ignore */ name)
      // A CommonJS package has all of its exports in the default one, and only those found by analysis beside it.
      const fallback: unknown = Reflect.get(loaded, 'default')
      const isBag = (typeof fallback === 'object' && fallback !== null) || typeof fallback === 'function'
      return { name, exports: { ...(isBag ? fallback : {}), ...loaded } }
    } catch (error) {
      codes.push(codeOf(error))
    }
  }
  const packages = names.filter((name) => !/^(node|bun):/.test(name)).map((name) => name.split('/', 1).join())
  const commands = packages.map((name) => `"npm install ${name}${beside}"`).join(' or ')
  const install = commands === '' ? '' : `; run ${commands}`
  throw refusal(scheme, `needs a client, and none can be loaded (${codes.join(', ')})${install}.`)
}

/** The store, with a `close` that ends the client that was made for it; the client ends at once if making the store fails. */
export async function owning<Kind extends Store>(
  end: () => Promise<unknown>,
  make: () => Kind | Promise<Kind>,
): Promise<Kind & Closing> {
  let ending: Promise<void> | undefined
  const close = (): Promise<void> => {
    ending ??= end().then(() => undefined)
    return ending
  }
  try {
    return Object.assign(await make(), { close })
  } catch (error) {
    await close()
    throw error
  }
}

/** The store, with something done around each of its operations, `close` excepted. */
export function around<Kind extends Store>(store: Kind, run: <Answer>(operation: () => Answer) => unknown): Kind {
  const wrapped = Object.entries(store).map(([name, member]: [string, unknown]) => {
    if (typeof member !== 'function' || name === 'close') return [name, member]
    return [name, (...values: unknown[]) => run(() => Reflect.apply(member, store, values))]
  })
  return Object.fromEntries(wrapped) as Kind
}

/** The store, which makes its table when an operation finds it missing, and then tries that operation again. */
export function afterTable<Kind extends Store & { createTable(): Promise<unknown> }>(
  store: Kind,
  isMissing: (error: unknown) => boolean,
): Kind {
  let creating: Promise<unknown> | undefined
  return around(store, async (operation) => {
    try {
      return await operation()
    } catch (error) {
      if (!isMissing(error)) throw error
    }
    creating ??= store.createTable().finally(() => {
      creating = undefined
    })
    await creating
    return operation()
  })
}

/** The store, whose operations wait for a preparation; one that failed is tried again by the next operation. */
export function afterPreparing<Kind extends Store>(store: Kind, prepare: () => Promise<unknown>): Kind {
  let preparing: Promise<unknown> | undefined
  let isReady = false
  const once = async (): Promise<void> => {
    try {
      await prepare()
      isReady = true
    } finally {
      preparing = undefined
    }
  }
  return around(store, async (operation) => {
    if (!isReady) {
      preparing ??= once()
      await preparing
    }
    return operation()
  })
}

/**
 * Ends a client gracefully, or by force if that fails or takes longer: a dead server never says goodbye.
 *
 * @param force - Left out for a client that has no such way, which is then left to itself.
 */
export async function endClient(
  graceful: () => Promise<unknown>,
  force: () => unknown = () => undefined,
): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const tooLong = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, goodbyeMs, false)
  })
  const ended = graceful().then(
    () => true,
    () => false,
  )
  const isDone = await Promise.race([ended, tooLong])
  clearTimeout(timer)
  if (!isDone) await force()
}

/** What a TLS connection of Node takes beside its defaults, under which a certificate is verified. */
export interface TlsOptions {
  readonly ca?: string
  readonly rejectUnauthorized?: false
}

/** The parameters about TLS, named as the MongoDB connection string names them. */
export const tlsParameters = ['tlsCAFile', 'tlsAllowInvalidCertificates'] as const

/** Whether a connection is to use TLS, and what turns that on in a connection string, such as `"tls=true"`. */
export interface TlsSwitch {
  readonly isOn: boolean
  readonly by: string
}

/**
 * The options that the parameters about TLS ask for; undefined for a connection without it. Throws `CONFIG_INVALID` if the
 * file cannot be read, and for parameters that would have no effect.
 */
export async function tlsOptions(
  parameters: ReadonlyMap<string, string>,
  scheme: string,
  { isOn, by }: TlsSwitch,
): Promise<TlsOptions | undefined> {
  const file = parameters.get('tlsCAFile')
  const isUnsafe = flag(parameters, 'tlsAllowInvalidCertificates', scheme) === true
  const options: TlsOptions = {
    ...(file === undefined ? {} : { ca: await readText(file, 'tlsCAFile', scheme) }),
    ...(isUnsafe ? { rejectUnauthorized: false as const } : {}),
  }
  if (isOn) return options
  if (Object.keys(options).length > 0) throw refusal(scheme, `needs ${by} beside the parameters of TLS.`)
  return undefined
}

/** The file that a parameter names. */
export async function readText(path: string, parameter: string, scheme: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw refusal(scheme, `cannot read the file that "${parameter}" names (${codeOf(error)}); name one that is there.`)
  }
}

/** The code of an error, which names no file and no host, unlike its message. */
export function codeOf(error: unknown): string {
  const code: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined
  return typeof code === 'string' || typeof code === 'number' ? String(code) : 'no code'
}
