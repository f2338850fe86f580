import { join } from 'node:path'
import { createSessions } from 'coatcheck'
import { fileStore } from 'coatcheck/stores/file'
import type { Cart } from './cart.ts'
import { dataDirectory, sessionSecret } from './settings.ts'

/** What the shop keeps for a visitor. Every `get`, `set` and `update` is checked against it. */
export type Data = { cart?: Cart; theme?: 'light' | 'dark' }

/** What the shop tells a visitor once, on the page after a redirect. */
export type Flash = { notice: string }

/** In ms. A real shop would choose longer ones; these are short enough to watch on the page "Your session". */
export const lifetimes = { idle: 2 * 3_600_000, absolute: 12 * 3_600_000 }

/** The session system of the shop. The cookie is left at its default: `__Host-sid`, HttpOnly, Secure, SameSite=Lax. */
export const sessions = createSessions<Data, Flash>({
  store: fileStore({ directory: join(dataDirectory, 'sessions') }),
  secret: sessionSecret(),
  idleTimeout: lifetimes.idle,
  absoluteTimeout: lifetimes.absolute,
})
