import {
  type AnyData,
  createSessions,
  type Session,
  SessionError,
  type SessionErrorCode,
  type Sessions,
} from 'coatcheck'
import { claim, type Equals } from './equals.ts'

interface Data {
  cart?: string[]
  visits?: number
}

interface Flash {
  notice: string
}

const sessions = createSessions<Data, Flash>({ idleTimeout: '30m', cookie: { sameSite: 'lax' } })

/** Nothing of this is run: that it compiles, and fails where it should, is the test. */
export async function typedSystem(carrier: object): Promise<void> {
  claim<Equals<typeof sessions, Sessions<Data, Flash>>>()
  const session = sessions.of(carrier)
  claim<Equals<typeof session, Session<Data, Flash>>>()
  const current = sessions.tryCurrent()
  claim<Equals<typeof current, Session<Data, Flash> | undefined>>()
  const opened = await sessions.open(null)
  claim<Equals<typeof opened, Session<Data, Flash>>>()
  await sessions.open(new Request('https://app.example/'))
  // @ts-expect-error: a name is no carrier
  sessions.of('request')
  // @ts-expect-error: undefined is no source
  await sessions.open(undefined)

  const found = await sessions.find('id')
  const value = found?.data['cart']
  claim<Equals<typeof value, unknown>>()
  sessions.on('created', (event) => {
    claim<Equals<typeof event.at, number>>()
    // @ts-expect-error: events carry no token
    void event.token
  })
  // @ts-expect-error: no such event
  sessions.on('whatever', () => undefined)
  // @ts-expect-error: awaiting disposal needs `await using`
  using _held = sessions
}

export function typedOptions(): void {
  const untyped = createSessions()
  claim<Equals<typeof untyped, Sessions<AnyData, AnyData>>>()
  createSessions({ idleTimeout: 1_800_000, secret: ['a'.repeat(32)] })
  // @ts-expect-error: no such option
  createSessions({ idleTimout: '30m' })
  // @ts-expect-error: no such value
  createSessions({ cookie: { sameSite: 'always' } })
  // @ts-expect-error: data is an object
  createSessions<string>()
}

export function typedErrors(error: unknown): void {
  if (!(error instanceof SessionError)) return
  claim<Equals<typeof error.code, SessionErrorCode>>()
  // @ts-expect-error: no such code
  if (error.code === 'WHATEVER') return
  // @ts-expect-error: a closed set
  throw new SessionError('WHATEVER', 'no such code')
}
