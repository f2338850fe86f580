// What the snippets of the documentation take for granted.
import type { Application, Request as ExpressRequest, Response as ExpressResponse } from 'express'
import type { Session, Sessions, Store } from '../../src/index.ts'

interface User {
  readonly id: string
}

declare global {
  type Data = { cart?: string[]; theme?: 'dark' | 'light'; visits?: number; messages?: number; stock?: number }
  type Flash = { notice: string; errors: string[] }
  const app: Application
  const req: ExpressRequest
  const res: ExpressResponse
  const request: Request
  const server: import('node:http').Server
  const wss: import('ws').WebSocketServer
  const sessions: Sessions<Data, Flash>
  const session: Session<Data, Flash>
  const id: string
  const clock: () => number
  const user: User
  function verify(body: unknown): Promise<User>
  function toLines(cart: unknown): unknown
  function sendMail(): void
  function myStore(options: { clock: () => number }): Store
  function mapStore(options?: { clock?: () => number }): Store
  function describe(title: string, body: () => void): void
  function it(title: string, body: () => Promise<void>): void
  const log: { error(facts: object): void }
  const metrics: { readonly created: { inc(): void } }
  class Money {
    static parse(text: unknown): Money
    toString(): string
  }
  function createSessions<D extends object = Data, F extends object = Flash>(
    options?: import('../../src/index.ts').SessionsOptions<D>,
  ): Sessions<D, F>
  const fileStore: typeof import('../../src/stores/file/index.ts').fileStore
  const expressSession: typeof import('../../src/adapters/express.ts').expressSession
  const startMyFramework: import('../../src/testing/adapter-contract.ts').StartAdapter
  const memoryStore: typeof import('../../src/stores/memory/index.ts').memoryStore
  const registerStore: typeof import('../../src/stores/index.ts').registerStore
}
