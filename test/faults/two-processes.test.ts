import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Backend, canRun, openedRows } from '../fixtures/backends.ts'
import { bundleChild, type Child, firstLineOf, startChild } from '../fixtures/children.ts'
import { serverOf } from '../services/address.ts'

interface State {
  readonly count: number | null
  readonly log: readonly string[]
  readonly user?: string
}

/** The kinds that processes can share. */
const shared = openedRows.filter(([, { processes }]) => processes !== 'one')
const space = `processes_${process.pid}`

let directory: string
let processes: Child[] = []
let origins: string[] = []

async function start(row: Backend): Promise<void> {
  directory = mkdtempSync(join(tmpdir(), 'coatcheck-processes-'))
  const script = await bundleChild(new URL('./children/http-server.ts', import.meta.url))
  const [text = ''] = await row.texts({ ...(await serverOf(row)), folder: directory, space })
  processes = [0, 1].map(() => startChild([script, text], row.node ?? process.execPath))
  origins = await Promise.all(processes.map(async (each) => `http://127.0.0.1:${await firstLineOf(each)}`))
}

async function stop(): Promise<void> {
  await Promise.all(
    processes.map(async (each) => {
      each.kill('SIGKILL')
      if (each.exitCode === null && each.signalCode === null) await once(each, 'exit')
    }),
  )
  rmSync(directory, { recursive: true })
}

/** Sends one request to one of the two servers. */
async function send(
  path: string,
  cookie: string,
  server: number,
): Promise<{ state: State; cookie: string; status: number }> {
  const response = await fetch(`${origins[server % 2]}${path}`, { headers: { cookie } })
  const text = await response.text()
  const [set] = response.headers.getSetCookie()
  return {
    status: response.status,
    state: response.ok ? JSON.parse(text) : { count: null, log: [] },
    cookie: set?.split(';')[0] ?? cookie,
  }
}

/** Sends many requests, so many at a time: half to each server. */
async function sendAll(paths: readonly string[], cookie: string, width: number): Promise<number[]> {
  const statuses: number[] = []
  let next = 0
  const worker = async () => {
    for (let i = next++; i < paths.length; i = next++) statuses.push((await send(paths[i] ?? '', cookie, i)).status)
  }
  await Promise.all(Array.from({ length: width }, worker))
  return statuses
}

describe.for(shared)('two processes, one store, over HTTP: %s', ([, row]) => {
  const it = test.skipIf(!canRun(row))
  beforeAll(async () => {
    if (canRun(row)) await start(row)
  })
  afterAll(async () => {
    if (canRun(row)) await stop()
  })

  it('X1 1,000 parallel increments are exact', async () => {
    const { cookie } = await send('/increment', '', 0)
    const statuses = await sendAll(Array(999).fill('/increment'), cookie, 50)
    expect(new Set(statuses)).toEqual(new Set([200]))
    expect((await send('/', cookie, 0)).state.count).toBe(1000)
    expect((await send('/', cookie, 1)).state.count).toBe(1000)
  }, 120_000)

  it('X1 entries that both push all arrive, and each once', async () => {
    const { cookie } = await send('/log?entry=first', '', 0)
    const entries = Array.from({ length: 100 }, (_, i) => `entry-${i}`)
    const paths = entries.map((entry) => `/log?entry=${entry}`)
    expect(new Set(await sendAll(paths, cookie, 20))).toEqual(new Set([200]))
    const { log } = (await send('/', cookie, 1)).state
    expect([...log].sort()).toEqual(['first', ...entries].sort())
  }, 60_000)

  it('X2 an end in one process is the end in the other, whatever is under way there', async () => {
    for (let round = 0; round < 10; round++) {
      const { cookie } = await send('/increment', '', 0)
      const answers = await Promise.all([
        ...Array.from({ length: 8 }, (_, i) => send('/increment', cookie, i)),
        send('/logout', cookie, round),
        ...Array.from({ length: 8 }, (_, i) => send('/increment', cookie, i)),
      ])
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
      // What comes now may start a session of its own; the old one stays ended.
      expect((await send('/', cookie, round + 1)).state.count).toBeNull()
    }
  }, 60_000)

  it('X5 a sign-in in one process moves the session with all that was acknowledged, and with nothing else', async () => {
    let carried = 0
    for (let round = 0; round < 5; round++) {
      const { cookie } = await send('/increment', '', 0)
      // Each is answered when its own save has succeeded, or with 409 when the session has moved meanwhile.
      const add = () => Array.from({ length: 10 }, (_, i) => send('/save-increment', cookie, i))
      const before = add()
      const signingIn = send('/login', cookie, round)
      const [signedIn, ...increments] = await Promise.all([signingIn, ...before, ...add()])
      expect(signedIn.status).toBe(200)
      expect(signedIn.cookie).not.toBe(cookie)
      for (const { status } of increments) expect([200, 409]).toContain(status)
      // Those that came after the sign-in have begun a session of their own.
      const saved = increments.filter((answer) => answer.status === 200 && answer.cookie === cookie).length
      const { state } = await send('/', signedIn.cookie, round + 1)
      expect([state.user, state.count]).toEqual(['ada', 1 + saved])
      const { state: left } = await send('/', cookie, round)
      expect([left.user, left.count]).toEqual([undefined, null])
      carried += saved
    }
    // Else nothing was shown.
    expect(carried).toBeGreaterThan(0)
  }, 60_000)
})
