import type { AdapterSeam, Committed } from '../../../src/contract/adapter.ts'
import type { Exchange } from '../../../src/contract/exchange.ts'
import type { AnyData, Session } from '../../../src/contract/session.ts'
import type { Sessions } from '../../../src/contract/sessions.ts'
import type { AdapterHandler, StartAdapter } from '../../../src/testing/adapter-suite.ts'
import { withReplaced } from './replaced.ts'
import { serve, serveNode, starters } from './starters.ts'

/** Two adapters with nothing wrong, of which the broken ones are made. */
export const { 'node:http listener': sound = missing(), fetch: soundFetch = missing() } = starters()

/** A sound adapter that is given a broken session system. */
export function onSessions(breakIt: (sessions: Sessions) => Partial<Sessions>, start = sound): StartAdapter {
  return (sessions, handle, serving) => start(withReplaced(sessions, breakIt(sessions)), handle, serving)
}

/** An adapter that does not what it should with what it needs of a session system. */
export function onSeam(
  breakIt: (seam: AdapterSeam<AnyData, AnyData>, sessions: Sessions) => Partial<AdapterSeam<AnyData, AnyData>>,
) {
  return onSessions((sessions) => ({ adapter: { ...sessions.adapter, ...breakIt(sessions.adapter, sessions) } }))
}

/** An adapter with something wrong in its exchange. */
export function onExchange(breakIt: (exchange: Exchange) => Partial<Exchange>, start = sound): StartAdapter {
  return onSessions(
    (sessions) => ({
      open: (source) => {
        const sound = source as Exchange
        return sessions.open(withReplaced(sound, breakIt(sound)))
      },
    }),
    start,
  )
}

/** An adapter that does not pass on what the handler has done. */
export function onHandler(breakIt: (handle: AdapterHandler) => AdapterHandler): StartAdapter {
  return (sessions, handle, serving) => sound(sessions, breakIt(handle), serving)
}

/** What a commit returns that has stored nothing. */
export const nothing: Committed = { outcome: 'nothing', headers: [], token: null }

/** An adapter that lets the header of a response go; only the end waits for the commit. */
export const holdingOnlyTheEnd: StartAdapter = (sessions, handle, serving) =>
  serveNode(async (req, res) => {
    const headers = req.headers as Record<string, string>
    const { end } = res
    const opened = await sessions.open({
      method: req.method ?? 'GET',
      secure: false,
      get headersSent() {
        return res.headersSent
      },
      header: (name) => headers[name] ?? null,
      url: () => req.url ?? '/',
      responseHeader: (name) => res.getHeader(name)?.toString() ?? null,
      setHeader: (name, value) => void res.setHeader(name, value),
      append: (name, value) => void res.appendHeader(name, value),
    })
    res.end = ((...args: unknown[]) => {
      const finish = (): unknown => Reflect.apply(end, res, args)
      sessions.commit(opened, { status: res.statusCode }).then(finish, finish)
      return res
    }) as never
    sessions.adapter.attach(req, opened)
    await sessions.adapter.run(opened, () => serve(sessions, handle, req, res))
  }, serving)

/** An exchange without one of its request headers. */
export function losing(lost: string): (exchange: Exchange) => Partial<Exchange> {
  return (e) => ({ header: (name) => (name === lost ? null : e.header(name)) })
}

/** An adapter that commits some requests only. */
export function committingOnly(likes: (exchange: Exchange) => boolean): StartAdapter {
  return onSessions((sessions) => {
    const liked = new WeakSet<object>()
    return {
      open: async (source) => {
        const session = await sessions.open(source)
        if (likes(source as Exchange)) liked.add(session)
        return session
      },
      adapter: {
        ...sessions.adapter,
        finish: (session, facts) => (liked.has(session) ? sessions.adapter.finish(session, facts) : nothing),
      },
    }
  })
}

/** An adapter that finds the session in a table of its own, which nobody else can ask. */
export function knownToItself(): StartAdapter {
  return onSessions((sessions) => {
    const table = new WeakMap<object, Session>()
    return {
      of: (carrier) => table.get(carrier) ?? sessions.of(carrier),
      adapter: { ...sessions.adapter, attach: (carrier, session) => void table.set(carrier, session) },
    }
  })
}

function missing(): never {
  throw new Error('there is no such starter')
}
