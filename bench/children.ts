import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const runner = fileURLToPath(new URL('../tools/run-ts.mjs', import.meta.url))

/** Starts a bench again as a child in another role, bundled and in production mode, and waits for its first message. */
export async function startChild<Message>(
  script: string,
  ...role: string[]
): Promise<{ child: ChildProcess; first: Message }> {
  const child = fork(runner, [script, ...role], { env: { ...process.env, NODE_ENV: 'production' }, execArgv: [] })
  const first = await Promise.race([
    once(child, 'message').then(([message]) => message as Message),
    once(child, 'exit').then(([code]) => {
      throw new Error(`${role.join(' ')} ended with ${code}`)
    }),
  ])
  return { child, first }
}
