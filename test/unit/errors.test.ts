import { describe, expect, it } from 'vitest'
import { failureOf } from '../../src/adapters/_failure.ts'
import { SessionError, statusOfError } from '../../src/errors.ts'
import { createSessions } from '../../src/index.ts'

const asked: ReadonlyArray<readonly [unknown, number | undefined]> = [
  [{ status: 404 }, 404],
  [{ statusCode: 404 }, 404],
  [{ status: 404, statusCode: 500 }, 404],
  [{ status: 500, statusCode: 404 }, 500],
  [{ status: 200, statusCode: 404 }, 404],
  [{ status: 'failed', statusCode: 422 }, 422],
  [{ status: 404.5, statusCode: 410 }, 410],
  [{ status: 400 }, 400],
  [{ status: 599 }, 599],
  [{ status: 399 }, undefined],
  [{ status: 600 }, undefined],
  [{ status: '404' }, undefined],
  [{}, undefined],
  [new Error('plain'), undefined],
  [new SessionError('STORE_FAILED', 'no answer'), 503],
  [null, undefined],
  [undefined, undefined],
  ['404', undefined],
  [404, undefined],
]

describe('the status of an error', () => {
  it.each(asked)('of %j is %j', (error, status) => {
    expect(statusOfError(error)).toBe(status)
  })

  it('is the one that adapters answer with, 500 without one', () => {
    for (const [error, status] of asked) expect(failureOf(error).status).toBe(status ?? 500)
  })

  it('is the one that decides what is stored', async () => {
    for (const [error, status] of asked) {
      // Without an error nothing has failed.
      if (error === undefined) continue
      const sessions = createSessions()
      const session = await sessions.open(null)
      session.set('name', 'Ada')
      const { outcome } = await sessions.commit(session, { error })
      expect(outcome, JSON.stringify(error)).toBe((status ?? 500) < 500 ? 'created' : 'nothing')
    }
  })
})
