import { describe, expect, it } from 'vitest'
import type { Session } from '../../../src/contract/session.ts'
import { type AdapterFacts, adapterCases, type StartAdapter } from '../../../src/testing/adapter-suite.ts'
import {
  committingOnly,
  holdingOnlyTheEnd,
  knownToItself,
  losing,
  nothing,
  onExchange,
  onHandler,
  onSeam,
  onSessions,
  sound,
  soundFetch,
} from '../../fixtures/broken-adapters.ts'

/** What is wrong with the adapter, the beginning of the title of a case that must show it, and the adapter. */
const faults: ReadonlyArray<readonly [string, string, StartAdapter]> = [
  ['secure is never true', 'SEC-11 over TLS', onExchange(() => ({ secure: false }))],
  ['secure is always true', 'SEC-11 without TLS', onExchange(() => ({ secure: true }))],
  [
    'the adapter itself believes X-Forwarded-Proto',
    'SEC-11 without TLS',
    onExchange((e) => ({ secure: e.header('x-forwarded-proto') === 'https' })),
  ],
  ['the url is always /', 'the url is the target', onExchange(() => ({ url: () => '/' }))],
  ['the url has no query', 'the url is the target', onExchange((e) => ({ url: () => e.url().replace(/\?.*/, '') }))],
  ['the method is always GET', 'the method is', onExchange(() => ({ method: 'GET' }))],
  ['the method is in lower case', 'the method is', onExchange((e) => ({ method: e.method.toLowerCase() }))],
  ['User-Agent is lost', 'X6 a login remembers', onExchange(losing('user-agent'))],
  ['X-Forwarded-Proto is lost', 'SEC-11 behind a proxy', onExchange(losing('x-forwarded-proto'))],
  [
    'headers are looked up in an object with a prototype',
    'request headers are',
    onExchange((e) => ({ header: (name) => (({}) as Record<string, string>)[name] ?? e.header(name) })),
  ],
  [
    'request headers are in lower case',
    'request headers are',
    onExchange((e) => ({ header: (name) => e.header(name)?.toLowerCase() ?? null })),
  ],
  ['headersSent is always false', 'headersSent is false until', onExchange(() => ({ headersSent: false }))],
  ['headersSent is always false in Fetch', 'headersSent is', onExchange(() => ({ headersSent: false }), soundFetch)],
  [
    'the cookie is dropped when the application sets its own',
    "SEC-22 the application's own cookies",
    onExchange((e) => ({ append: (name, value) => void (e.responseHeader(name) ?? e.append(name, value)) })),
  ],
  [
    "the cookie takes the place of the application's",
    "SEC-22 the application's own cookies",
    onExchange((e) => ({ append: (name, value) => e.setHeader(name, value) })),
  ],
  [
    'a second cookie takes the place of the first',
    'SEC-22 two cookies of a transport',
    onExchange((e) => ({ append: (name, value) => e.setHeader(name, value) })),
  ],
  [
    'setHeader adds a header',
    'SEC-23 a response',
    onExchange((e) => ({ setHeader: (...header) => e.append(...header) })),
  ],
  ['what the application has set is not seen', 'SEC-23 a response', onExchange(() => ({ responseHeader: () => null }))],
  [
    'the response does not wait for the store',
    'REL-06 a redirect',
    onSeam((adapter) => ({
      finish: (...args) => {
        Promise.resolve(adapter.finish(...args)).catch(() => 'told to nobody')
        return nothing
      },
    })),
  ],
  [
    'the commit is made after the response',
    'SEC-11 the first write',
    onSeam((adapter) => ({
      finish: (...args) => {
        setTimeout(() => Promise.resolve(adapter.finish(...args)).catch(() => 'told to nobody'), 5)
        return nothing
      },
    })),
  ],
  ['the header leaves before the commit', 'REL-20 a body that is piped', holdingOnlyTheEnd],
  ['the session is known to no object', 'SEC-51 an anonymous visitor', onSeam(() => ({ attach: () => undefined }))],
  ['the session is known to the adapter alone', 'tryOf knows', knownToItself()],
  ['the handler runs without a context', 'F12 the session', onSeam(() => ({ run: (_, work) => work() }))],
  ['mounted twice, it opens two sessions', 'mounted twice', onSeam(() => ({ claim: () => true }))],
  [
    'the status does not reach the commit',
    'REL-18 a response of 5xx',
    onSeam((adapter) => ({ finish: (session) => adapter.finish(session, { status: 200 }) })),
  ],
  [
    'a session that can not be stored is a success',
    'REL-05 a session that can not be saved',
    onSeam((adapter) => ({ finish: async (...args) => Promise.resolve(adapter.finish(...args)).catch(() => nothing) })),
  ],
  [
    'without its store a session is an anonymous one',
    'SEC-97 REL-04 without its store',
    onSessions((sessions) => ({ open: (source) => sessions.open(source).catch(() => sessions.open(null)) })),
  ],
  [
    'what the handler throws is a success',
    'REL-18 a response of 5xx',
    onHandler((handle) => async (...args) => {
      try {
        return await handle(...args)
      } catch {
        return { status: 200 }
      }
    }),
  ],
  ['HEAD is not committed', 'HEAD is answered as GET is', committingOnly((e) => e.method !== 'HEAD')],
  [
    'responses without a body are not committed',
    'REL-20 HEAD, 204 and 304',
    onSeam((adapter) => ({
      finish: (session, facts) =>
        [204, 304].includes(facts?.status ?? 200) ? nothing : adapter.finish(session, facts),
    })),
  ],
  [
    'the request body is lost',
    'the request body reaches the handler whole',
    onHandler((handle) => (session, request) => handle(session, { ...request, body: '' })),
  ],
  [
    'every session is one',
    'the second request sees',
    onSessions((sessions) => {
      let only: Promise<Session> | undefined
      return { open: (source) => (only ??= sessions.open(source)) }
    }),
  ],
]

describe('adapterCases', () => {
  it.each(faults)('shows that %s (%s)', async (_, title, start) => {
    expect(await failures(start, title)).not.toEqual([])
  })

  it('a fault shows in few cases only: what a title says is what its case looks at', async () => {
    for (const [fault, title] of [
      ['User-Agent is lost', 'X6 a login remembers the device by its User-Agent'],
      ['secure is never true', 'SEC-11 over TLS a cookie with `secure: auto` is Secure'],
    ]) {
      const [, , start = sound] = faults.find(([name]) => name === fault) ?? []
      expect((await failures(start)).map((line) => line.split(': expected')[0])).toEqual([
        expect.stringContaining(`${title}`),
      ])
    }
  })

  it('passes on a sound adapter', async () => {
    expect(await failures(sound)).toEqual([])
  })

  it('passes on an adapter that is only ever served in one way', async () => {
    const plain: StartAdapter = (sessions, handle) => sound(sessions, handle, { tls: false, mounts: 1 })
    expect(await failures(plain, '', {})).toEqual([])
  })

  it('lists the cases for TLS only when it is a fact that the adapter can be served so', () => {
    const titles = (facts?: AdapterFacts) => adapterCases(sound, facts).map(({ title }) => title)
    const more = titles({ tls: true }).filter((title) => !titles().includes(title))
    expect(more).toEqual(['SEC-11 over TLS a cookie with `secure: auto` is Secure'])
    expect(titles({ tls: false })).toEqual(titles())
  })

  it('each case has a title of its own', () => {
    const titles = adapterCases(sound, { tls: true }).map(({ title }) => title)
    expect(new Set(titles).size).toBe(titles.length)
  })
})

/** The cases that fail, of those whose titles begin so, and their messages. */
async function failures(start: StartAdapter, beginning = '', facts: AdapterFacts = { tls: true }): Promise<string[]> {
  const failed: string[] = []
  const cases = adapterCases(start, facts).filter(({ title }) => title.startsWith(beginning))
  expect(cases, `cases that begin with "${beginning}"`).not.toEqual([])
  for (const { title, run } of cases) {
    await run().catch((error: Error) => failed.push(`${title}: ${error.message}`))
  }
  return failed
}
