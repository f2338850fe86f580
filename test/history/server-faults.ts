import { setTimeout } from 'node:timers/promises'
import type { Server } from '../services/process.ts'
import type { TcpProxy } from '../services/proxy.ts'
import type { Fault } from './nemesis.ts'

/** A server that the clients reach through a proxy. */
export interface Reached {
  readonly server: Server
  readonly proxy: TcpProxy
  /** How the server is made to end at once. */
  readonly ending: NodeJS.Signals
  /** The processes beside the first one that answer clients, to be stopped together with it. */
  readonly workers?: () => Promise<readonly number[]>
}

/** What befalls a server and the way to it. */
export function serverFaults({ server, proxy, ending, workers }: Reached, storeTimeoutMs: number): Fault[] {
  async function pause(ms: number): Promise<void> {
    const others = (await workers?.()) ?? []
    server.pause()
    signal(others, 'SIGSTOP')
    await setTimeout(ms)
    signal(others, 'SIGCONT')
    server.resume()
  }
  return [
    {
      name: 'pause the server for less than storeTimeout',
      weight: 2,
      strike: (random) => pause(random.between(0.2, 0.8) * storeTimeoutMs),
    },
    {
      name: 'pause the server for longer than storeTimeout',
      weight: 2,
      strike: (random) => pause(random.between(1.2, 2.5) * storeTimeoutMs),
    },
    lostAnswers(proxy),
    { name: 'cut the connections', weight: 1, strike: async () => proxy.cut() },
    {
      name: 'restart the server',
      weight: 1,
      async strike() {
        await server.stop(ending)
        await server.start()
      },
    },
  ]
}

/** Some requests reach the server, and their answers are lost. */
export function lostAnswers(proxy: TcpProxy): Fault {
  return {
    name: 'lose answers',
    weight: 4,
    async strike(random) {
      proxy.cutReplies(() => random.chance(0.2), { times: 4 })
      await setTimeout(random.between(50, 200))
      await proxy.resume()
    },
  }
}

function signal(processes: readonly number[], name: NodeJS.Signals): void {
  for (const id of processes) {
    try {
      process.kill(id, name)
    } catch {
      // It has ended meanwhile.
    }
  }
}
