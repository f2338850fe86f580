import { hash } from 'node:crypto'

const cookieName = '__Host-sid'
const lifeMs = 30 * 60_000

interface Row {
  readonly payload: string
  readonly version: number
  readonly expiresAt: number
}

/** The least that a server-side session can do, by hand: no library, no options, no checks but those of the protocol. */
export interface Floor {
  /** Stores a session and answers the `Cookie` header that leads to it. */
  login(data: Record<string, unknown>): Promise<string>
  /** Finds the session, adds 1 to its `count` and stores it if nobody else has since. */
  count(cookie: string): Promise<number>
  /** Finds the session and answers its `count`. */
  read(cookie: string): Promise<number>
}

export function createFloor(): Floor {
  const rows = new Map<string, Row>()

  async function read(key: string): Promise<Row | undefined> {
    return rows.get(key)
  }

  async function replace(key: string, row: Row, version: number): Promise<boolean> {
    if (rows.get(key)?.version !== version) return false
    rows.set(key, row)
    return true
  }

  return {
    async login(data) {
      const token = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url')
      const payload = JSON.stringify({ createdAt: Date.now(), data })
      rows.set(hash('sha256', token, 'base64url'), { payload, version: 1, expiresAt: Date.now() + lifeMs })
      return `theme=dark; ${cookieName}=${token}`
    },

    async count(cookie) {
      const key = hash('sha256', tokenIn(cookie), 'base64url')
      const row = await read(key)
      const now = Date.now()
      if (row === undefined || row.expiresAt <= now) throw new Error('no session')
      const envelope = JSON.parse(row.payload)
      envelope.data.count += 1
      const next = { payload: JSON.stringify(envelope), version: row.version + 1, expiresAt: now + lifeMs }
      if (!(await replace(key, next, row.version))) throw new Error('changed by another request')
      return envelope.data.count
    },

    async read(cookie) {
      const row = await read(hash('sha256', tokenIn(cookie), 'base64url'))
      if (row === undefined || row.expiresAt <= Date.now()) throw new Error('no session')
      return JSON.parse(row.payload).data.count
    },
  }
}

function tokenIn(cookie: string): string {
  const at = cookie.indexOf(`${cookieName}=`)
  if (at === -1) throw new Error('no cookie')
  const end = cookie.indexOf(';', at)
  return cookie.slice(at + cookieName.length + 1, end === -1 ? undefined : end)
}
