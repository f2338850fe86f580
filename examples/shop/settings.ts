import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where the shop keeps its sessions and its secret: `SHOP_DATA`, or `.data` beside this file. */
export const dataDirectory = process.env.SHOP_DATA ?? fileURLToPath(new URL('.data', import.meta.url))

export const host = process.env.HOST ?? '127.0.0.1'
export const port = Number(process.env.PORT ?? 3000)

/**
 * The secret that keys the session ids in the store.
 *
 * In production it comes from the environment. So that the demo starts without any set-up, it makes one at the first
 * start and keeps it: with a new secret at every start nobody's session would be found again.
 */
export function sessionSecret(): string {
  if (process.env.SESSION_SECRET) return process.env.SESSION_SECRET

  const file = join(dataDirectory, 'secret')
  if (existsSync(file)) return readFileSync(file, 'utf8')

  const secret = randomBytes(32).toString('base64url')
  mkdirSync(dataDirectory, { recursive: true, mode: 0o700 })
  writeFileSync(file, secret, { flag: 'wx', mode: 0o600 })
  console.log(`No SESSION_SECRET: made one for this demo and keep it in ${file}`)
  return secret
}
