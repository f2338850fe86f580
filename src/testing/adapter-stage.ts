import type { Exchange } from '../contract/exchange.ts'
import type { Sessions } from '../contract/sessions.ts'
import type { Transport } from '../contract/transport.ts'
import { createSessions, type SessionsOptions } from '../index.ts'
import { memoryStore } from '../stores/memory/index.ts'
import type { AdapterHandler, AdapterServing, ServedAdapter, StartAdapter } from './adapter-contract.ts'
import { check } from './expect.ts'
import { type FaultyStore, faultyStore } from './faulty-store.ts'

/** A case before its application is served. */
export interface AdapterStageCase {
  readonly title: string
  readonly options?: SessionsOptions
  /** The transport, which the stage watches for `exchanges`. Default: that of the options. */
  readonly transport?: Transport
  /** How the application is served, where it matters. Default: once, without TLS. */
  readonly serving?: Partial<AdapterServing>
  /** The application, by path. */
  readonly routes: (
    stage: Pick<AdapterStage, 'sessions' | 'signal' | 'exchanges'>,
  ) => Readonly<Record<string, AdapterHandler>>
  play(stage: AdapterStage): Promise<void>
}

/** What one case plays on: an application that is served, and the store behind it. */
export interface AdapterStage {
  readonly sessions: Sessions
  readonly store: StagedStore
  /** What the engine was given, a request after the other, if the case says by which `transport` tokens travel. */
  readonly exchanges: readonly Exchange[]
  /** A browser of its own, with a cookie jar. */
  browser(): Browser
  /** A named moment, for which handlers and the case wait and which either can bring about. */
  signal(name: string): Signal
}

export interface Signal {
  readonly reached: Promise<void>
  reach(): void
}

/** The store behind the application, of which a case can make trouble. */
export type StagedStore = FaultyStore<ReturnType<typeof memoryStore>>

export interface Browser {
  /** The token cookie's value; undefined without one. */
  readonly token: string | undefined
  send(path: string, init?: BrowserInit): Promise<Reply>
  /** As `send`, but resolves as soon as the header is there. */
  begin(path: string, init?: BrowserInit): Promise<Head & { body(): Promise<string> }>
}

export interface BrowserInit {
  readonly method?: string
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Instead of what is in the jar. */
  readonly cookie?: string
}

export interface Head {
  readonly status: number
  /** All Set-Cookie headers. */
  readonly cookies: readonly string[]
  /** Those that set or remove the session's token. */
  readonly tokens: readonly string[]
  header(name: string): string | null
}

export interface Reply extends Head {
  readonly body: string
}

/** The name that the token has when nothing is configured. */
export const tokenName = '__Host-sid'

/** Serves the case's application, plays the case and stops serving. */
export async function onAdapterStage(start: StartAdapter, staged: AdapterStageCase): Promise<void> {
  const { options, transport, serving, routes, play } = staged
  const store = faultyStore(memoryStore())
  const exchanges: Exchange[] = []
  const watched = transport === undefined ? {} : { transport: watching(transport, exchanges) }
  const sessions = createSessions({ ...options, ...watched, store })
  const signals = new Map<string, Signal>()
  const signal = (name: string): Signal => {
    const known = signals.get(name) ?? newSignal()
    signals.set(name, known)
    return known
  }
  const handlers = routes({ sessions, signal, exchanges })
  const handle: AdapterHandler = async (session, request) => {
    const handler = Object.hasOwn(handlers, request.path) ? handlers[request.path] : undefined
    return handler === undefined ? { status: 404, body: `no ${request.path}` } : handler(session, request)
  }
  const served = await start(sessions, handle, { tls: false, mounts: 1, ...serving })
  try {
    await play({ sessions, store, signal, exchanges, browser: () => openBrowser(served) })
  } finally {
    store.faults.clear()
    await served.close()
    await sessions.close()
  }
}

/** Lets what is under way go on for `ms`. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function watching(transport: Transport, exchanges: Exchange[]): Transport {
  return {
    ...transport,
    read(exchange) {
      exchanges.push(exchange)
      return transport.read(exchange)
    },
  }
}

function newSignal(): Signal {
  let reach: () => void = () => undefined
  const reached = new Promise<void>((resolve) => {
    reach = resolve
  })
  return { reached, reach }
}

function openBrowser({ origin, fetch: send = fetch }: ServedAdapter): Browser {
  const jar = new Map<string, string>()
  const begin: Browser['begin'] = async (path, { method = 'GET', body, headers, cookie } = {}) => {
    const sent = cookie ?? Array.from(jar, ([name, value]) => `${name}=${value}`).join('; ')
    const response = await send(origin + path, {
      method,
      redirect: 'manual',
      headers: sent === '' ? { ...headers } : { ...headers, cookie: sent },
      ...(body === undefined ? {} : { body }),
    })
    const cookies = response.headers.getSetCookie()
    for (const each of cookies) keep(jar, each)
    return {
      status: response.status,
      cookies,
      tokens: cookies.filter((each) => each.startsWith(`${tokenName}=`)),
      header: (name) => response.headers.get(name),
      body: () => response.text(),
    }
  }
  return {
    begin,
    get token() {
      return jar.get(tokenName)
    },
    async send(path, init) {
      const begun = await begin(path, init)
      return { ...begun, body: await begun.body() }
    },
  }
}

function keep(jar: Map<string, string>, cookie: string): void {
  const [, name, value] = /^([^=;]+)=([^;]*)/.exec(cookie) ?? []
  check(name !== undefined && value !== undefined, `a Set-Cookie without a name: ${cookie}`)
  if (/;\s*max-age=0\s*(;|$)/i.test(cookie)) jar.delete(name)
  else jar.set(name, value)
}
