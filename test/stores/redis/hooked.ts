import type { Redis } from 'ioredis'
import type { IoRedis } from '../../../src/stores/redis/index.ts'

/** Called with each command before it is sent; what it throws becomes the answer. It may wait. */
export type Hook = (command: readonly string[], send: () => Promise<unknown>) => Promise<unknown>

/** A client whose commands pass through a hook, which may refuse them, hold them, or lose their answers. */
export function hooked(client: Redis, hook: Hook): IoRedis {
  return {
    options: { autoResendUnfulfilledCommands: false },
    call: (name, args) => hook([name, ...args], () => client.call(name, args)),
  }
}
