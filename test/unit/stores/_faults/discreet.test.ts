import { describe, expect, it } from 'vitest'
import type { Store } from '../../../../src/contract/store.ts'
import { cleaned } from '../../../../src/stores/_faults/cleaned.ts'
import { discreet } from '../../../../src/stores/_faults/discreet.ts'
import { memoryStore } from '../../../../src/testing/index.ts'
import { errorOf, everythingOf } from '../../../fixtures/everything-of.ts'

const key = 'a-key-of-a-record-0123456789-abcdefghijklmn'
const record = { payload: '{"a":"b \\"c\\""} and so on', version: 1, expiresAt: 4e12, userId: 'user-of-it' }

/** What leaves a store whose `create` fails like this. */
async function shownOf(error: unknown): Promise<unknown> {
  const create = () => {
    throw error
  }
  const store: Store = discreet({ ...memoryStore(), create })
  return errorOf(() => store.create(key, record))
}

describe('discreet', () => {
  it.each([
    ['of a network', Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED', errno: -111, port: 1 })],
    ['with labels', Object.assign(new Error('x'), { labels: new Set(['a']), [Symbol('of the client')]: 1 })],
    ['with a cause', new Error('x', { cause: new Error('y') })],
    ['of several', new AggregateError([new Error('x'), new Error('y')], 'both')],
    ['that is no error', 'a text'],
    ['that is nothing', undefined],
  ])('leaves an error %s alone that shows nothing', async (_, error) => {
    expect(await shownOf(error)).toBe(error)
  })

  it('hides what was sent, whole, escaped or in part, wherever a text has it', async () => {
    const error = new Error(`dup key: ${key}, ${record.userId}`)
    const part = record.payload.slice(0, 20)
    Object.assign(error, { sqlMessage: `${part}' ${key}${key}`, json: JSON.stringify(record) })
    const shown = await shownOf(error)
    expect(shown).toMatchObject({
      message: 'dup key: ***, ***',
      sqlMessage: "***' ******",
      json: '{"payload":"***","version":1,"expiresAt":4000000000000,"userId":"***"}',
    })
    expect(everythingOf(shown)).not.toMatch(/a-key-of|user-of|"b|\\"c/)
  })

  it('hides nothing that is as short as a word', async () => {
    const error = new Error('the user u has no right')
    const create = () => Promise.reject(error)
    const store = discreet<Store>({ ...memoryStore(), create })
    expect(await errorOf(() => store.create(key, { ...record, payload: 'right', userId: 'u' }))).toBe(error)
  })

  it('drops objects, and texts that quote a row or an id, of causes and parts too', async () => {
    const inner = () => Object.assign(new Error('inner'), { id: 'another-key', code: 14, context: { anything: 1 } })
    const error = new AggregateError([inner()], 'outer', { cause: inner() })
    Object.assign(error, { code: '23514', detail: 'row', where: 'there', command: { args: [1] }, parameters: ['x'] })
    const shown = (await shownOf(error)) as AggregateError
    expect(shown).toBeInstanceOf(AggregateError)
    expect(shown).toMatchObject({ message: 'outer', code: '23514', cause: { message: 'inner', code: 14 } })
    expect(shown.errors).toMatchObject([{ message: 'inner', code: 14 }])
    expect(everythingOf(shown)).not.toMatch(/another-key|anything|detail|where|command|parameters/)
  })

  it('keeps class, name and the place where it was thrown', async () => {
    class ReplyError extends Error {
      override get name() {
        return 'ReplyError'
      }
    }
    const error = Object.assign(new ReplyError(`no ${key}`), { command: {} })
    const shown = (await shownOf(error)) as ReplyError
    expect(shown).toBeInstanceOf(ReplyError)
    expect([shown.name, shown.message]).toEqual(['ReplyError', 'no ***'])
    expect(shown.stack?.split('\n').slice(1)).toEqual(error.stack?.split('\n').slice(1))
    expect(Object.keys(shown)).toEqual([])
  })

  it('ends with an error that is its own cause', async () => {
    const error: Error = Object.assign(new Error('x'), { id: 'i' })
    error.cause = error
    expect(await shownOf(error)).toMatchObject({ message: 'x', cause: { message: 'x' } })
  })

  it('hides in a stack that the engine computes', async () => {
    const error = new Error('x')
    Object.defineProperty(error, 'stack', { get: () => `Error: ${key}\n    at somewhere`, configurable: true })
    expect(((await shownOf(error)) as Error).stack).toBe('Error: ***\n    at somewhere')
  })
})

describe('cleaned', () => {
  it('answers at once what is at hand, and keeps names and abilities', async () => {
    const store = memoryStore()
    const clean = cleaned(store, (error) => error)
    expect(Object.keys(clean)).toEqual(Object.keys(store))
    expect(clean.name).toBe('memory')
    expect(clean.create(key, record)).toBe(true)
    expect(clean.read(key)).toEqual(record)
    expect(await clean.count()).toBe(1)
  })

  it('hands on what an operation throws, rejects with and was given', async () => {
    const seen: unknown[] = []
    const store = cleaned<ReturnType<typeof memoryStore>>(
      {
        ...memoryStore(),
        read: () => {
          throw new Error('thrown')
        },
        list: async () => {
          throw new Error('rejected')
        },
      },
      (error, sent) => {
        seen.push([String(error), ...sent])
        return 'clean'
      },
    )
    expect(() => store.read(key)).toThrow('clean')
    await expect(store.list({ limit: 3, cursor: 'c', prefix: 'p' })).rejects.toBe('clean')
    expect(seen).toEqual([
      ['Error: thrown', key],
      ['Error: rejected', 'c', 'p'],
    ])
  })
})
