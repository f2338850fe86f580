/** Runs the store suite with Bun's own client: `<port> <prefix>`. Prints a line of JSON per case: its title, and its error if it failed. */
import { writeSync } from 'node:fs'
import { type BunRedis, redisStore } from '../../../src/stores/redis/index.ts'
import { storeCases } from '../../../src/testing/index.ts'

const [port = '', prefix = ''] = process.argv.slice(2)
// What compiles and checks this has no such module.
const bun = (await import('bun' as string)) as { RedisClient: new (url: string) => BunRedis & { close(): void } }
const client = new bun.RedisClient(`redis://127.0.0.1:${port}`)
let made = 0

for (const { title, run } of storeCases(({ clock }) => redisStore({ client, clock, prefix: `${prefix}${made++}:` }))) {
  const error = await run().then(
    () => undefined,
    (reason: unknown) => String(reason),
  )
  writeSync(1, `${JSON.stringify({ title, error })}\n`)
}
client.close()
