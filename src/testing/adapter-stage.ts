import type { Sessions } from '../contract/sessions.ts'
import { createSessions, type SessionsOptions } from '../index.ts'
import { memoryStore } from '../stores/memory/index.ts'
import type { AdapterHandler, StartAdapter } from './adapter-contract.ts'
import { check } from './expect.ts'
import { type FaultyStore, faultyStore } from './faulty-store.ts'

/** A case before its application is served. */
export interface AdapterStageCase {
  readonly title: string
  readonly options?: SessionsOptions
  /** The application, by path. */
  readonly routes: (stage: Pick<AdapterStage, 'sessions' | 'signal'>) => Readonly<Record<string, AdapterHandler>>
  play(stage: AdapterStage): Promise<void>
}

/** What one case plays on: an application that is served, and the store behind it. */
export interface AdapterStage {
  readonly sessions: Sessions
  readonly store: StagedStore
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
  send(path: string, init?: { method?: string; body?: string; cookie?: string }): Promise<Reply>
}

export interface Reply {
  readonly status: number
  readonly body: string
  /** All Set-Cookie headers. */
  readonly cookies: readonly string[]
  /** Those that set or remove the session's token. */
  readonly tokens: readonly string[]
  header(name: string): string | null
}

/** The name that the token has when nothing is configured. */
export const tokenName = '__Host-sid'

/** Serves the case's application, plays the case and stops serving. */
export async function onAdapterStage(start: StartAdapter, { options, routes, play }: AdapterStageCase): Promise<void> {
  const store = faultyStore(memoryStore())
  const sessions = createSessions({ ...options, store })
  const signals = new Map<string, Signal>()
  const signal = (name: string): Signal => {
    const known = signals.get(name) ?? newSignal()
    signals.set(name, known)
    return known
  }
  const handlers = routes({ sessions, signal })
  const served = await start(sessions, async (session, request) => {
    const handler = Object.hasOwn(handlers, request.path) ? handlers[request.path] : undefined
    return handler === undefined ? { status: 404, body: `no ${request.path}` } : handler(session, request)
  })
  try {
    await play({ sessions, store, signal, browser: () => openBrowser(served.origin) })
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

function newSignal(): Signal {
  let reach: () => void = () => undefined
  const reached = new Promise<void>((resolve) => {
    reach = resolve
  })
  return { reached, reach }
}

function openBrowser(origin: string): Browser {
  const jar = new Map<string, string>()
  return {
    get token() {
      return jar.get(tokenName)
    },
    async send(path, { method = 'GET', body, cookie } = {}) {
      const sent = cookie ?? Array.from(jar, ([name, value]) => `${name}=${value}`).join('; ')
      const response = await fetch(origin + path, {
        method,
        redirect: 'manual',
        headers: sent === '' ? {} : { cookie: sent },
        ...(body === undefined ? {} : { body }),
      })
      const text = await response.text()
      const cookies = response.headers.getSetCookie()
      for (const each of cookies) keep(jar, each)
      return {
        status: response.status,
        body: text,
        cookies,
        tokens: cookies.filter((each) => each.startsWith(`${tokenName}=`)),
        header: (name) => response.headers.get(name),
      }
    },
  }
}

function keep(jar: Map<string, string>, cookie: string): void {
  const [, name, value] = /^([^=;]+)=([^;]*)/.exec(cookie) ?? []
  check(name !== undefined && value !== undefined, `a Set-Cookie without a name: ${cookie}`)
  if (/;\s*max-age=0\s*(;|$)/i.test(cookie)) jar.delete(name)
  else jar.set(name, value)
}
