import { afterEach, describe, expect, it, vi } from 'vitest'
import { Listeners } from '../../../src/core/events.ts'
import { createSessions } from '../../../src/index.ts'
import { settle } from '../../fixtures/gate.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

describe('Listeners', () => {
  it('tells every listener of an event, in the order of subscription, with its type', () => {
    const listeners = new Listeners()
    const log: unknown[] = []
    listeners.on('created', (event) => log.push(['first', event]))
    listeners.on('swept', (event) => log.push(['other', event]))
    listeners.on('created', (event) => log.push(['second', event]))
    listeners.emit('created', { at: 7, id: 'x' })
    const event = { type: 'created', at: 7, id: 'x' }
    expect(log).toEqual([
      ['first', event],
      ['second', event],
    ])
  })

  it('each subscription is one: the same function twice is called twice, and taken back once', () => {
    const listeners = new Listeners()
    let calls = 0
    const count = () => {
      calls++
    }
    const [first, second] = [listeners.on('gone', count), listeners.on('gone', count)]
    listeners.emit('gone', { at: 1 })
    first()
    first()
    listeners.emit('gone', { at: 2 })
    second()
    listeners.emit('gone', { at: 3 })
    expect(calls).toBe(3)
  })

  it('a listener may unsubscribe itself and others while it is called', () => {
    const listeners = new Listeners()
    const log: string[] = []
    const off = listeners.on('gone', () => {
      log.push('once')
      off()
      offOther()
    })
    const offOther = listeners.on('gone', () => log.push('other'))
    listeners.on('gone', () => log.push('always'))
    listeners.emit('gone', { at: 1 })
    listeners.emit('gone', { at: 2 })
    expect(log).toEqual(['once', 'always', 'always'])
  })

  it('what a listener throws is printed and keeps nothing from happening', async () => {
    const printed = vi.spyOn(console, 'error').mockImplementation(() => undefined)
    const fault = new Error('from the listener')
    const sessions = createSessions({
      on: {
        created: () => {
          throw fault
        },
      },
    })
    let told = 0
    sessions.on('created', () => told++)
    const session = await sessions.open(null)
    session.set('name', 'Ada')
    expect((await sessions.commit(session)).outcome).toBe('created')
    expect(told).toBe(1)
    expect(printed.mock.calls).toEqual([[expect.stringContaining('"created"'), fault]])
  })

  it('what an asynchronous listener rejects with is printed too, and is no unhandled rejection', async () => {
    const printed = vi.spyOn(console, 'error').mockImplementation(() => undefined)
    const fault = new Error('from the audit log')
    const sessions = createSessions({
      on: {
        created: async () => {
          throw fault
        },
      },
    })
    const session = await sessions.open(null)
    session.set('name', 'Ada')
    expect((await sessions.commit(session)).outcome).toBe('created')
    await settle()
    expect(printed.mock.calls).toEqual([[expect.stringContaining('"created"'), fault]])
  })

  it.each(['craeted', '', '__proto__', 'constructor', 'toString'])('there is no event %j', (name) => {
    const listener = () => undefined
    expect(() => new Listeners().on(name as never, listener)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    )
    expect(() => createSessions({ on: { [name]: listener } as never })).toThrow(
      name === '__proto__' ? expect.anything() : expect.objectContaining({ code: 'CONFIG_INVALID' }),
    )
  })

  it.each([null, undefined, 'x', {}])('%j is no listener', (listener) => {
    expect(() => new Listeners().on('created', listener as never)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    )
  })
})
