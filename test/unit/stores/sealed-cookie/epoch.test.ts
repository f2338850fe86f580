import { describe, expect, it } from 'vitest'
import { writeNote, writePayload, writeTombstone } from '../../../../src/core/record/wire.ts'
import { type Epoch, epochIn, epochNote, unreadable } from '../../../../src/stores/sealed-cookie/epoch.ts'

const record = (payload: string) => ({ payload, version: 1, expiresAt: 1 })

/** What is read of an epoch that was written after these. */
function epochAfter(...ends: ReadonlyArray<readonly [epoch: string, except?: string]>): Epoch | null {
  let present: Epoch | null = null
  for (const [epoch, except] of ends) present = epochIn(record(writeNote(epochNote(epoch, except, present))))
  return present
}

describe('the revocation epoch of a user', () => {
  it('is none before the first revokeAll', () => {
    expect([epochIn(null), epochAfter()]).toEqual([null, null])
  })

  it('without an exception is all that is told', () => {
    expect(epochAfter(['e1'])).toEqual({ epoch: 'e1', except: undefined, since: undefined })
    expect(epochAfter(['e1', 'mine'], ['e2'])).toEqual({ epoch: 'e2', except: undefined, since: undefined })
  })

  it('the first that excepts a session excepts its tokens of any epoch: there was none before', () => {
    expect(epochAfter(['e1', 'mine'])).toEqual({ epoch: 'e1', except: 'mine', since: undefined })
  })

  it('a later one excepts the tokens of the epoch before, so that one ended then is not brought back', () => {
    expect(epochAfter(['e1'], ['e2', 'mine'])).toEqual({ epoch: 'e2', except: 'mine', since: ['e1'] })
    expect(epochAfter(['e1', 'other'], ['e2', 'mine'])).toEqual({ epoch: 'e2', except: 'mine', since: ['e1'] })
  })

  it('one session that is excepted again and again goes on with the tokens of each of them', () => {
    expect(epochAfter(['e1'], ['e2', 'mine'], ['e3', 'mine'])).toEqual({
      epoch: 'e3',
      except: 'mine',
      since: ['e2', 'e1'],
    })
    expect(epochAfter(['e1', 'mine'], ['e2', 'mine'])).toEqual({ epoch: 'e2', except: 'mine', since: undefined })
  })

  it.each([
    ['garbage', 'garbage'],
    ['an empty text', ''],
    ['a session', writePayload({ createdAt: 1, root: 'r' }, '', 'w', '{}')],
    ['a tombstone', writeTombstone({ at: 1, root: 'r' })],
    ['a note of another kind', writeNote('alive')],
    ['a note without an epoch', writeNote({ except: 'mine' })],
    ['an epoch that is no text', writeNote({ epoch: 1 })],
    ['a list', writeNote([{ epoch: 'e1' }])],
  ])('that cannot be read is one that no token is of: %s', (_, payload) => {
    expect(epochIn(record(payload))?.epoch).toBe(unreadable)
    // No text of a token can hold it.
    expect(unreadable).not.toMatch(/^[\w-]*$/)
  })

  it('fields of the wrong type except nobody', () => {
    const payload = writeNote({ epoch: 'e1', except: ['mine'], since: 'e0' })
    expect(epochIn(record(payload))).toEqual({ epoch: 'e1', except: undefined, since: undefined })
  })

  it('SEC-57 nor do fields that objects have of their own', () => {
    const payload = '1 m {"epoch":"e1","__proto__":{"except":"mine"}}'
    expect(epochIn(record(payload))).toEqual({ epoch: 'e1', except: undefined, since: undefined })
  })
})
