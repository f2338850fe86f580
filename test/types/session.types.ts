import type { FlashMessages, Session } from '../../src/contract/session.ts'
import { claim, type Equals } from './equals.ts'

interface Data {
  cart?: string[]
  visits?: number
  theme: 'dark' | 'light'
  tags: readonly string[]
  user: { name: string } | null
}

interface Flash {
  notice: string
  errors: string[]
}

declare const session: Session<Data, Flash>
declare const untyped: Session

/** Nothing of this is run: that it compiles, and fails where it should, is the test. */
export function typedData(): void {
  const theme = session.get('theme')
  claim<Equals<typeof theme, 'dark' | 'light' | undefined>>()
  const cart = session.get('cart')
  claim<Equals<typeof cart, string[] | undefined>>()
  const user = session.get('user')
  claim<Equals<typeof user, { name: string } | null | undefined>>()
  // @ts-expect-error: not a key
  session.get('basket')
  // @ts-expect-error: a method is not a key
  session.get('save')

  session.set('theme', 'dark')
  session.set('user', null)
  // @ts-expect-error: not a value of this key
  session.set('theme', 'blue')
  // @ts-expect-error: not a key
  session.set('basket', [])
  // @ts-expect-error: no value
  session.set('theme')
  // @ts-expect-error: absence is told by delete
  session.set('theme', undefined)

  claim<Equals<ReturnType<typeof session.has>, boolean>>()
  // @ts-expect-error: not a key
  session.has('basket')
  const removed = session.delete('cart')
  claim<Equals<typeof removed, string[] | undefined>>()
  // @ts-expect-error: not a key
  session.delete('basket')
}

export function typedChanges(): void {
  const cart = session.update('cart', (current = []) => {
    claim<Equals<typeof current, string[]>>()
    return [...current, 'tea']
  })
  claim<Equals<typeof cart, string[]>>()
  // @ts-expect-error: answers no value of this key
  session.update('theme', () => 'blue')
  // @ts-expect-error: the current value may be absent
  session.update('theme', (current: 'dark' | 'light') => current)
  // @ts-expect-error: the answer of an asynchronous function is no value
  void session.update('cart', async (current = []) => current)
  // @ts-expect-error: not a key
  session.update('basket', () => [])

  const visits = session.increment('visits')
  claim<Equals<typeof visits, number>>()
  session.increment('visits', -2)
  // @ts-expect-error: not a number
  session.increment('cart')
  // @ts-expect-error: not a number
  session.increment('visits', '2')
  // @ts-expect-error: not a key
  session.increment('basket')

  const length = session.push('cart', 'tea', 'milk')
  claim<Equals<typeof length, number>>()
  session.push('tags', 'new')
  // @ts-expect-error: not an item of this array
  session.push('cart', 1)
  // @ts-expect-error: not an array
  session.push('theme', 'dark')
  // @ts-expect-error: not a key
  session.push('basket', 'tea')
}

export function typedLists(): void {
  const keys = session.keys()
  claim<Equals<typeof keys, ('cart' | 'visits' | 'theme' | 'tags' | 'user')[]>>()
  for (const [key, value] of session.entries()) {
    if (key === 'visits') claim<Equals<typeof value, number>>()
    if (key === 'user') claim<Equals<typeof value, { name: string } | null>>()
  }
}

export function typedLifecycle(): void {
  claim<Equals<typeof session.userId, string | undefined>>()
  session.login('42', { keep: ['cart'] })
  // @ts-expect-error: not a key
  session.login('42', { keep: ['basket'] })
  // @ts-expect-error: user ids are text
  session.login(42)
  // @ts-expect-error: the owner is set by login
  session.userId = '42'
  claim<Equals<ReturnType<typeof session.save>, Promise<void>>>()
  claim<Equals<ReturnType<typeof session.regenerate>, void>>()
}

export async function typedFlash(): Promise<void> {
  const notice = session.flash.get('notice')
  claim<Equals<typeof notice, string | undefined>>()
  const errors = await session.flash.take('errors')
  claim<Equals<typeof errors, string[] | undefined>>()
  const all = session.flash.all()
  claim<Equals<typeof all, Partial<Flash>>>()
  session.flash.set('notice', 'Added')
  session.flash.now('errors', [])
  // @ts-expect-error: not a value of this key
  session.flash.set('notice', 1)
  // @ts-expect-error: data and messages do not share keys
  session.flash.peek('cart')
  claim<Equals<typeof session.flash, FlashMessages<Flash>>>()
}

/** Where the application declares nothing, all text is a key and what it gets is unknown, never `any`. */
export function untypedData(): void {
  const value = untyped.get('whatever')
  claim<Equals<typeof value, unknown>>()
  const updated = untyped.update('list', (current) => {
    claim<Equals<typeof current, unknown>>()
    return [current]
  })
  claim<Equals<typeof updated, unknown[]>>()
  untyped.set('whatever', { a: 1 })
  untyped.increment('visits')
  untyped.push('list', 1, 'two')
  const removed = untyped.delete('list')
  claim<Equals<typeof removed, unknown>>()
  // @ts-expect-error: keys are text
  untyped.get(1)
  // @ts-expect-error: what is unknown has no methods
  untyped.get('list').push(1)
}
