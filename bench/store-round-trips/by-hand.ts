import { hash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Pool } from 'pg'
import { type Visitor, visitor } from '../sessions-data.ts'

const cookieName = '__Host-sid'
const lifeMs = 30 * 60_000

/** The two commands of a session by hand. */
export interface Rows {
  get(key: string): Promise<string | null>
  set(key: string, text: string, lifeMs: number): Promise<unknown>
}

/** The least that a session on a server can do: find the cookie, hash the token, get, parse, count, write, set. */
export function byHand({ get, set }: Rows): {
  write(req: IncomingMessage, res: ServerResponse): Promise<number>
  read(req: IncomingMessage): Promise<number>
} {
  async function load(token: string): Promise<Visitor> {
    const text = await get(keyOf(token))
    if (text === null) throw new Error('no session')
    return JSON.parse(text)
  }

  return {
    async write(req, res) {
      let token = tokenIn(req.headers.cookie ?? '')
      let data: Visitor = { ...visitor }
      if (token === null) {
        token = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url')
        res.setHeader('set-cookie', `${cookieName}=${token}; Path=/; HttpOnly; Secure; SameSite=Lax`)
      } else {
        data = await load(token)
      }
      data.count += 1
      await set(keyOf(token), JSON.stringify(data), lifeMs)
      return data.count
    },
    async read(req) {
      return (await load(tokenIn(req.headers.cookie ?? '') ?? '')).count
    },
  }
}

/** With a client of `redis`. */
export function redisByHand(client: {
  get(key: string): Promise<string | null>
  set(key: string, text: string, options: { expiration: { type: 'PX'; value: number } }): Promise<unknown>
}): Rows {
  return {
    get: (key) => client.get(`hand:${key}`),
    set: (key, text, value) => client.set(`hand:${key}`, text, { expiration: { type: 'PX', value } }),
  }
}

/** A SELECT and an UPDATE, prepared; an INSERT for the first write. */
export async function postgresByHand(pool: Pool): Promise<Rows> {
  await pool.query('CREATE TABLE hand (key text PRIMARY KEY, payload text NOT NULL, expires_at bigint NOT NULL)')
  return {
    async get(key) {
      const { rows } = await pool.query({
        name: 'hand_get',
        text: 'SELECT payload FROM hand WHERE key = $1 AND expires_at > $2',
        values: [key, Date.now()],
      })
      return rows[0]?.payload ?? null
    },
    async set(key, text, life) {
      const { rowCount } = await pool.query({
        name: 'hand_set',
        text: 'UPDATE hand SET payload = $2, expires_at = $3 WHERE key = $1',
        values: [key, text, Date.now() + life],
      })
      if (rowCount === 0) {
        await pool.query('INSERT INTO hand VALUES ($1, $2, $3)', [key, text, Date.now() + life])
      }
    },
  }
}

function keyOf(token: string): string {
  return hash('sha256', token, 'base64url')
}

function tokenIn(cookie: string): string | null {
  const at = cookie.indexOf(`${cookieName}=`)
  if (at === -1) return null
  const end = cookie.indexOf(';', at)
  return cookie.slice(at + cookieName.length + 1, end === -1 ? undefined : end)
}
