import { afterAll, beforeAll, describe } from 'vitest'
import type { Server } from '../../services/process.ts'
import { type Backend, isLong } from './behind-proxy.ts'
import { cutCases } from './cuts.ts'
import { outageCases } from './outages.ts'
import { overloadCases } from './overload.ts'
import { stallCases } from './stalls.ts'

/** What every store on a server does when the server, or the way to it, fails. The server is the backend's own. */
export function faultCases(backend: Backend): void {
  describe(`faults of ${backend.name}`, { timeout: isLong ? 600_000 : 60_000 }, () => {
    let started: Server | undefined
    const server = (): Server => {
      if (started === undefined) throw new Error('the server has not been started')
      return started
    }
    beforeAll(async () => {
      started = await backend.startServer()
      await backend.prepare?.(started)
    })
    afterAll(() => started?.close())

    outageCases(backend, server)
    stallCases(backend, server)
    cutCases(backend, server)
    overloadCases(backend, server)
  })
}
