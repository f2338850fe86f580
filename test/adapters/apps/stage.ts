import { createSessions, type Sessions, type SessionsOptions } from '../../../src/index.ts'
import { memoryStore } from '../../../src/stores/memory/index.ts'
import { type FaultyStore, faultyStore } from '../../../src/testing/faulty-store.ts'
import type { Answer, Running } from '../../fixtures/servers.ts'

export interface Data {
  count?: number
  name?: string
}

export interface Stage {
  readonly store: FaultyStore<ReturnType<typeof memoryStore>>
  readonly sessions: Sessions<Data>
}

/** Sessions on a store of which a test can make trouble. */
export function stage(options: SessionsOptions<Data> = {}): Stage {
  const store = faultyStore(memoryStore())
  return { store, sessions: createSessions<Data>({ ...options, store }) }
}

/** The token cookie that an answer sets, to be sent back; undefined without one. */
export function tokenOf({ cookies }: Pick<Answer, 'cookies'>): string | undefined {
  return cookies.find((cookie) => cookie.startsWith('__Host-sid='))?.split(';')[0]
}

/** The Cookie header of a visitor who has made this request before. */
export async function visit(server: Running, path: string): Promise<{ cookie: string }> {
  const cookie = tokenOf(await server.request(path))
  if (cookie === undefined) throw new Error(`${path} sets no cookie`)
  return { cookie }
}

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1))
}
