import { richCodec } from '../codecs/rich.ts'
import type { ResponseFacts } from '../contract/adapter.ts'
import type { Codec } from '../contract/codec.ts'
import type { SessionEventName, SessionListener } from '../contract/events.ts'
import type { Exchange } from '../contract/exchange.ts'
import type { StandardSchema } from '../contract/schema.ts'
import type { AnyData } from '../contract/session.ts'
import type { SealedStore, Store } from '../contract/store.ts'
import type { Transport } from '../contract/transport.ts'
import { parseSecrets } from '../crypto/keys.ts'
import { type RandomSource, secureRandom } from '../crypto/random.ts'
import { SessionError, statusOfError } from '../errors.ts'
import { cookieTransport } from '../transports/cookie.ts'
import type { CookieOptions } from '../transports/cookie-options.ts'
import { parseDuration } from '../values/duration.ts'
import type { IdOptions } from './token.ts'

/** A length of time: ms, or text such as `'45s'`, `'30m'`, `'1h30m'`, `'7d'`. */
export type Duration = number | string

export interface LimitOptions {
  /** The largest payload in bytes. Default 65 536. Beyond it a commit throws `RECORD_TOO_LARGE`, before any store call. */
  readonly recordBytes?: number
  /** How many keys the data may have. Default 1000. Beyond it a commit throws `RECORD_TOO_LARGE`. */
  readonly keys?: number
  /** Idle timeout while nobody is signed in. Default: `idleTimeout`. */
  readonly anonymousIdleTimeout?: Duration
  /**
   * Asked before a new session gets its first record; false refuses it with `LIMIT_REACHED` (status 429). The place for
   * a rate limit on session creation. Default: always.
   */
  readonly create?: (exchange: Exchange | null) => boolean
}

export interface MigrateOptions {
  /** The present version of the shape of the data: a whole number from 1. Data from before versions existed has 0. */
  readonly version: number
  /** Turns data of an older version into data of the present one, at once. Stored with the next change. What it throws reaches the request. */
  readonly up: (data: Record<string, unknown>, from: number) => Record<string, unknown>
}

/** Every option has a default, which setting another one never disturbs. */
export interface SessionsOptions<Data extends object = AnyData> {
  /** Where sessions live. Default: `memoryStore()`. `sealedCookie()` keeps them with the client. */
  readonly store?: Store | SealedStore
  /**
   * Keys the hash under which the store knows a token, or seals the cookie, which cannot do without. A list rotates: the
   * newest first, all are accepted. At least 32 bytes each. Default: a plain hash, which is sound.
   */
  readonly secret?: string | readonly string[] | undefined
  /** How long a session lives unused. Default 30 minutes. */
  readonly idleTimeout?: Duration
  /** How long a session lives however much it is used, from its creation or the last `login`. Default 12 hours. */
  readonly absoluteTimeout?: Duration
  /**
   * How stale the idle deadline must be before a request that only reads extends it. Default: a tenth of
   * `idleTimeout`, which it must be shorter than. In proportion while `limits.anonymousIdleTimeout` applies.
   */
  readonly renewAfter?: Duration
  /** The cookie's attributes; false switches it off, which needs a `transport`. */
  readonly cookie?: CookieOptions | false
  /** How the token travels. Default: the cookie. */
  readonly transport?: Transport
  /** How the values of a session become text. Default: `richCodec()`. */
  readonly codec?: Codec
  /** Checks the data when it is loaded and before it is stored (Standard Schema v1). It checks only: what it transforms is not kept. */
  readonly schema?: StandardSchema<Data>
  /** Carries stored data over to a new shape. */
  readonly migrate?: MigrateOptions
  readonly id?: IdOptions
  /** Moves each session to a new token this often, with a grace of 30 seconds for the old one. Default: never. */
  readonly rotateEvery?: Duration
  /**
   * Which responses store the changes of their request. `'success'` (default): those below 500 that nothing was thrown
   * in; `'always'`; or a function. The end of a session is stored in any case.
   */
  readonly commitOn?: 'success' | 'always' | ((response: ResponseFacts) => boolean)
  /**
   * Whether `X-Forwarded-Proto` tells if the request was TLS: the number of proxies in front that append to it, true
   * being 1. The value that counts is the last but that many, from the right. Default false.
   */
  readonly trustProxy?: boolean | number
  /** How long a store call may take. Default 2 seconds. */
  readonly storeTimeout?: Duration
  /**
   * What a request gets when the store fails while its session is opened. `'fail'` (default): an error with status 503.
   * `'anonymous'`: an empty session whose changes are dropped and which sets no cookie. A failed save is always an error.
   */
  readonly onStoreError?: 'fail' | 'anonymous'
  readonly limits?: LimitOptions
  /** Epoch ms now. Default `Date.now`. */
  readonly clock?: () => number
  /** Unpredictable bytes. Default: the platform's CSPRNG. */
  readonly random?: RandomSource
  /** Listeners from the start. */
  readonly on?: { readonly [Name in SessionEventName]?: SessionListener<Name> }
}

/** The durations that bound a session's life, all in ms. */
export interface Timeouts {
  readonly idle: number
  /** Idle timeout while nobody is signed in. */
  readonly anonymousIdle: number
  readonly absolute: number
  /** How far the idle deadline must have moved before a read extends it; in proportion while nobody is signed in. */
  readonly renewAfter: number
}

/** Options with every default applied and every contradiction refused. */
export interface Settings {
  /** Keeps the records; with sealed tokens the ends of sessions, or nothing. */
  readonly store: Store
  /** Names the store in errors. */
  readonly storeName: string
  /** Set when sessions are sealed in their tokens. */
  readonly sealed: SealedStore | null
  readonly secrets: readonly string[]
  readonly timeouts: Timeouts
  readonly transport: Transport
  readonly codec: Codec
  readonly schema: StandardSchema | null
  readonly migrate: MigrateOptions | null
  readonly id: IdOptions
  /** ms, or Infinity. */
  readonly rotateEvery: number
  readonly commitOn: (response: ResponseFacts) => boolean
  /** How many proxies append to X-Forwarded-Proto; 0 for none. */
  readonly trustProxy: number
  readonly storeTimeout: number
  readonly anonymousOnStoreError: boolean
  readonly recordBytes: number
  readonly keys: number
  readonly mayCreate: (exchange: Exchange | null) => boolean
  readonly clock: () => number
  readonly random: RandomSource
  /** The cookie is always `Secure`, so that on plain http it is worth a word. */
  readonly secureCookie: boolean
}

const known = new Set([
  ...['store', 'secret', 'idleTimeout', 'absoluteTimeout', 'renewAfter', 'cookie', 'transport', 'codec', 'schema'],
  ...['migrate', 'id', 'rotateEvery', 'commitOn', 'trustProxy', 'storeTimeout', 'onStoreError', 'limits', 'clock'],
  ...['random', 'on'],
])

const knownLimits = new Set(['recordBytes', 'keys', 'anonymousIdleTimeout', 'create'])
const knownIds = new Set(['bytes', 'prefix', 'generate'])

/** Throws `CONFIG_INVALID` with what to change, or `ID_INVALID`. */
export function resolveOptions<Data extends object>(
  options: SessionsOptions<Data> & { store: Store | SealedStore },
): Settings {
  refuseUnknown(options, known, '')
  refuseUnknown(options.limits, knownLimits, 'limits.')
  refuseUnknown(options.id, knownIds, 'id.')
  const { limits = {}, cookie = {}, migrate = null, trustProxy = false, onStoreError = 'fail' } = options
  if (onStoreError !== 'fail' && onStoreError !== 'anonymous') refuse("onStoreError is 'fail' or 'anonymous'.")
  if (migrate !== null && !(Number.isSafeInteger(migrate.version) && migrate.version >= 1)) {
    refuse('migrate.version is a whole number from 1.')
  }
  const sealed = isSealed(options.store) ? options.store : null
  const secrets = parseSecrets(options.secret)
  const timeouts = resolveTimeouts(options)
  if (sealed !== null && secrets.length === 0) {
    refuse(`${sealed.name} needs the option "secret", such as the output of "openssl rand -base64 32".`)
  }
  return {
    store: sealed === null ? checkedStore(options.store as Store) : sealed.revocation,
    storeName: options.store.name,
    sealed,
    secrets,
    timeouts,
    transport: checkedTransport(options.transport, cookie, timeouts.absolute),
    codec: options.codec ?? richCodec(),
    schema: options.schema ?? null,
    migrate,
    id: options.id ?? {},
    rotateEvery: rotation(options.rotateEvery, timeouts),
    commitOn: commitRule(options.commitOn ?? 'success'),
    trustProxy: proxies(trustProxy),
    storeTimeout: parseDuration(options.storeTimeout ?? '2s', 'storeTimeout'),
    anonymousOnStoreError: onStoreError === 'anonymous',
    recordBytes: positive(limits.recordBytes ?? 65_536, 'limits.recordBytes'),
    keys: positive(limits.keys ?? 1000, 'limits.keys'),
    mayCreate: limits.create ?? (() => true),
    clock: options.clock ?? Date.now,
    random: options.random ?? secureRandom,
    secureCookie: options.transport === undefined && cookie !== false && (cookie.secure ?? true) === true,
  }
}

/** Durations that would silently do nothing, or end sessions in the midst of use, are refused. */
function resolveTimeouts({
  idleTimeout,
  absoluteTimeout,
  renewAfter,
  limits = {},
}: Omit<SessionsOptions, 'schema'>): Timeouts {
  const absolute = parseDuration(absoluteTimeout ?? '12h', 'absoluteTimeout')
  // A default never stands in the way of another option.
  const idle = idleTimeout === undefined ? Math.min(defaultIdleMs, absolute) : parseDuration(idleTimeout, 'idleTimeout')
  const anonymousIdle = parseDuration(limits.anonymousIdleTimeout ?? idle, 'limits.anonymousIdleTimeout')
  const timeouts = {
    idle,
    absolute,
    anonymousIdle,
    renewAfter: parseDuration(renewAfter ?? Math.ceil(idle / 10), 'renewAfter'),
  }
  const longest = `absoluteTimeout (${absolute} ms), after which every session ends`
  if (idle > absolute)
    refuse(`idleTimeout (${idle} ms) is longer than ${longest}: shorten it, or set absoluteTimeout too.`)
  if (anonymousIdle > absolute)
    refuse(`limits.anonymousIdleTimeout (${anonymousIdle} ms) is longer than ${longest}: shorten it.`)
  if (timeouts.renewAfter >= idle && idle > 1) {
    refuse(
      `renewAfter (${timeouts.renewAfter} ms) must be shorter than idleTimeout (${idle} ms), or no use extends a session.`,
    )
  }
  return timeouts
}

const defaultIdleMs = 1_800_000

function rotation(rotateEvery: Duration | undefined, { absolute }: Timeouts): number {
  if (rotateEvery === undefined) return Infinity
  const every = parseDuration(rotateEvery, 'rotateEvery')
  if (every <= absolute) return every
  return refuse(
    `rotateEvery (${every} ms) is longer than absoluteTimeout (${absolute} ms): no session would ever rotate.`,
  )
}

function isSealed(store: Store | SealedStore): store is SealedStore {
  return (store as Partial<SealedStore> | null)?.sealed === true
}

function checkedStore(store: Store): Store {
  for (const operation of ['read', 'create', 'replace', 'touch', 'delete'] as const) {
    if (typeof store?.[operation] !== 'function')
      refuse(`store has no method "${operation}": it must be a Store. Did openStore(...) get its await?`)
  }
  return store
}

function checkedTransport(
  transport: Transport | undefined,
  cookie: CookieOptions | false,
  absolute: number,
): Transport {
  if (transport === undefined) {
    if (cookie === false) refuse('cookie: false needs another "transport" for the token.')
    return cookieTransport(cookie, { absoluteTimeout: absolute })
  }
  if (transport.readOnly) {
    refuse('transport can only read tokens: combine it with another by firstOf(...).')
  }
  return transport
}

function commitRule(commitOn: NonNullable<SessionsOptions['commitOn']>): Settings['commitOn'] {
  if (typeof commitOn === 'function') return commitOn
  if (commitOn === 'always') return () => true
  if (commitOn !== 'success') refuse("commitOn is 'success', 'always' or a function.")
  return ({ status = 200, error }) => status < 500 && (error === undefined || isClientError(error))
}

/** Whether what was thrown stands for a 4xx answer, as frameworks understand it. */
function isClientError(error: unknown): boolean {
  const status = statusOfError(error)
  return status !== undefined && status < 500
}

function proxies(trustProxy: boolean | number): number {
  const count = Number(trustProxy)
  if (!Number.isInteger(count) || count < 0) refuse('trustProxy is true, false or a number of proxies.')
  return count
}

function positive(value: number, what: string): number {
  if (!Number.isSafeInteger(value) || value < 1) refuse(`${what} is a whole number from 1.`)
  return value
}

/** A misspelt option would silently leave its default in force. */
function refuseUnknown(options: object = {}, names: ReadonlySet<string>, prefix: string): void {
  for (const name of Object.keys(options)) {
    if (!names.has(name)) refuse(`There is no option "${prefix}${name}". There are: ${[...names].join(', ')}.`)
  }
}

function refuse(sentence: string): never {
  throw new SessionError('CONFIG_INVALID', sentence)
}
