import { describe, expect, it } from 'vitest'
import { type Commit, holdResponse } from '../../../src/adapters/_node/held-response.ts'
import type { PatchableResponse } from '../../../src/adapters/_node/response.ts'

/** A response that notes what it is asked to do, and a commit that is ended by hand. */
function stage(facts: { changed?: boolean } = {}) {
  const calls: string[] = []
  const reported: unknown[] = []
  const note = (name: string) => (value?: unknown) => {
    calls.push(value === undefined ? name : `${name} ${value}`)
    return true
  }
  const res = {
    statusCode: 200,
    headersSent: false,
    writableEnded: false,
    finished: false,
    writeHead: note('writeHead'),
    write: note('write'),
    end: note('end'),
    flushHeaders: note('flushHeaders'),
    setHeader: note('setHeader'),
    getHeaderNames: () => [],
    destroy: note('destroy'),
  } as unknown as PatchableResponse
  let end = { resolve: (): void => undefined, reject: (_: unknown): void => undefined }
  const commit: Commit & { takesTime: boolean } = {
    takesTime: true,
    finish(status) {
      calls.push(`commit ${status}`)
      if (!commit.takesTime) return undefined
      return new Promise<void>((resolve, reject) => {
        end = { resolve, reject }
      })
    },
    isChanged: () => facts.changed ?? false,
    report: (error) => reported.push(error),
  }
  holdResponse(res as never, commit)
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  return {
    res,
    commit,
    calls,
    reported,
    facts,
    store() {
      end.resolve()
      return turn()
    },
    fail(error: unknown) {
      end.reject(error)
      return turn()
    },
  }
}

describe('a response that is', () => {
  it('fresh becomes open by a call, when there is nothing to wait for', () => {
    const { res, commit, calls } = stage()
    commit.takesTime = false
    res.write('a')
    res.end('b')
    expect(calls).toEqual(['commit 200', 'write a', 'end b'])
  })

  it('fresh becomes held by a call, when the commit takes time, and open when it is stored', async () => {
    const { res, calls, store } = stage()
    res.statusCode = 201
    expect([res.write('a'), res.headersSent, res.writableEnded]).toEqual([true, true, false])
    expect([res.end('b'), res.writableEnded]).toEqual([res, true])
    expect(calls).toEqual(['commit 201'])
    await store()
    expect(calls).toEqual(['commit 201', 'write a', 'end b'])
    expect([res.headersSent, res.writableEnded]).toEqual([false, false])
  })

  it('held is replaced when it is not stored, and calls reach nobody from then on', async () => {
    const { res, calls, reported, fail } = stage()
    const failure = Object.assign(new Error('no store'), { status: 503 })
    res.write('a')
    await fail(failure)
    expect([res.statusCode, reported]).toEqual([503, [failure]])
    expect(calls).toEqual(expect.arrayContaining(['end Service Unavailable']))
    const before = calls.length
    expect([res.write('b'), res.end('c')]).toEqual([false, res])
    expect(() => res.writeHead(200)).toThrow(expect.objectContaining({ code: 'ERR_HTTP_HEADERS_SENT' }))
    expect(calls.length).toBe(before)
  })

  it('open is held again by an end after changes, and cut short when they are not stored', async () => {
    for (const stored of [true, false]) {
      const { res, commit, calls, facts, reported, store, fail } = stage()
      commit.takesTime = false
      res.write('a')
      commit.takesTime = true
      facts.changed = true
      res.end('b')
      expect([calls.at(-1), res.writableEnded]).toEqual(['commit 200', true])
      facts.changed = false
      await (stored ? store() : fail('no store'))
      expect([calls.at(-1), reported]).toEqual(stored ? ['end b', []] : ['destroy', ['no store']])
    }
  })

  it('open is not held by an end when nothing has changed', () => {
    const { res, commit, calls } = stage()
    commit.takesTime = false
    res.flushHeaders()
    res.end()
    expect(calls).toEqual(['commit 200', 'flushHeaders', 'end'])
  })

  it('in any state throws nothing that a commit throws', async () => {
    const { res, commit, calls, reported } = stage()
    const throwing = (what: string) => () => {
      throw new Error(what)
    }
    Object.assign(commit, { finish: throwing('finish') })
    expect(res.write('a')).toBe(true)
    await new Promise((resolve) => setImmediate(resolve))
    expect(calls).toContain('end Internal Server Error')

    const late = stage()
    late.commit.takesTime = false
    late.res.write('a')
    Object.assign(late.commit, { isChanged: throwing('isChanged') })
    expect(late.res.end()).toBe(late.res)
    await new Promise((resolve) => setImmediate(resolve))
    expect(late.calls.at(-1)).toBe('destroy')
    expect([...reported, ...late.reported].map(String)).toEqual(['Error: finish', 'Error: isChanged'])
  })
})
