import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import pg from 'pg'
import postgres from 'postgres'
import { startPostgres } from '../../test/services/postgres.ts'

const isQuick = process.argv.includes('--quick')
const updates = isQuick ? 4_000 : 40_000
const sessions = isQuick ? 5_000 : 40_000
const swept = isQuick ? 20_000 : 400_000
const start = 1_900_000_000_000
const batch = 1000

// As on a server that is to survive a crash: whole pages in the log, and no checkpoint in the middle of a measurement.
const server = await startPostgres(
  ['full_page_writes=on', 'max_wal_size=8GB', 'checkpoint_timeout=1h'].flatMap((each) => ['-c', each]),
)
const pool = new pg.Pool({ host: server.host, port: server.port, user: 'postgres', max: 4 })
const numberOf = async (text: string, values: unknown[] = []): Promise<number> =>
  Number((await pool.query({ text, values, rowMode: 'array' })).rows[0]?.[0])

interface Layout {
  readonly index: string
  readonly fillfactor: number
}

async function makeTable({ index, fillfactor }: Layout, bytes: number, rows: number, expired = 0): Promise<void> {
  await pool.query('DROP TABLE IF EXISTS s')
  await pool.query(`CREATE TABLE s (key text COLLATE "C" PRIMARY KEY, payload text NOT NULL, version bigint NOT NULL,
    expires_at bigint NOT NULL, user_id text COLLATE "C") WITH (fillfactor = ${fillfactor})`)
  await pool.query('CREATE INDEX ON s (user_id) WHERE user_id IS NOT NULL')
  if (index !== 'none') await pool.query(`CREATE INDEX ON s USING ${index} (expires_at)`)
  // In the order of arrival, which is not that of the keys. Every second session has an owner.
  await pool.query(
    `INSERT INTO s SELECT md5(i::text) || 'AbCdEfGhIjK', rpad(md5(i::text), $2::int, md5((-i)::text)), 1,
     ($3::bigint - CASE WHEN i % 1000 < $4::int THEN 1 ELSE -1 - i END)::bigint, CASE WHEN i % 2 = 0 THEN 'user-' || i / 4 END
     FROM generate_series(1, $1::int) AS i`,
    [rows, bytes, start, expired],
  )
  await pool.query('VACUUM ANALYZE s')
  await pool.query('CHECKPOINT')
}

async function updated(layout: Layout, bytes: number, operation: 'touch' | 'replace'): Promise<object> {
  await makeTable(layout, bytes, sessions)
  const sizeBefore = await numberOf("SELECT pg_total_relation_size('s')")
  const logBefore = await numberOf("SELECT pg_current_wal_lsn() - '0/0'")
  const payload = 'x'.repeat(100) + 'abcdefghij'.repeat(bytes).slice(0, bytes - 100)
  const statement =
    operation === 'touch'
      ? { name: 'touch', text: "UPDATE s SET expires_at = $2 WHERE key = md5($1) || 'AbCdEfGhIjK' AND expires_at > $3" }
      : {
          name: 'replace',
          text: `UPDATE s SET payload = $4, version = version + 1, expires_at = $2
            WHERE key = md5($1) || 'AbCdEfGhIjK' AND expires_at > $3`,
        }
  // A fixed sequence, so that all layouts get the same updates.
  let seed = 12345
  const next = (): number => {
    seed = (seed * 1103515245 + 12345) % 2147483648
    return 1 + (seed % sessions)
  }
  const began = performance.now()
  let done = 0
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      while (done++ < updates) {
        const values = [String(next()), start + 10_000_000 + done, start]
        await pool.query({ ...statement, values: operation === 'touch' ? values : [...values, payload] })
      }
    }),
  )
  const perSecond = Math.round(updates / ((performance.now() - began) / 1000))
  const log = (await numberOf("SELECT pg_current_wal_lsn() - '0/0'")) - logBefore
  await reportCounts()
  const { rows } = await pool.query(
    "SELECT n_tup_upd::int AS all, n_tup_hot_upd::int AS hot FROM pg_stat_user_tables WHERE relname = 's'",
  )
  const { all, hot } = rows[0]
  if (all !== updates) throw new Error(`${all} updates were counted where ${updates} were made`)
  return {
    ...layout,
    bytes,
    operation,
    hotPercent: Math.round((hot / all) * 1000) / 10,
    logBytesPerUpdate: Math.round(log / updates),
    grownBy: `${Math.round(((await numberOf("SELECT pg_total_relation_size('s')")) / sizeBefore - 1) * 100)} %`,
    perSecond,
  }
}

/** Every connection keeps its counts to itself until it has been idle for a while. */
async function reportCounts(): Promise<void> {
  const clients = await Promise.all(Array.from({ length: 4 }, () => pool.connect()))
  for (const client of clients) {
    await client.query('SELECT pg_stat_force_next_flush()')
    await client.query('SELECT 1')
    client.release()
  }
}

const byIndexOrScan = `DELETE FROM s WHERE key = ANY (ARRAY(
  SELECT key FROM s WHERE expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED))`
const byPages = `DELETE FROM s WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM s WHERE ctid >= $3::tid AND ctid < $4::tid AND expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED))`

async function sweptBy(how: string, perMille: number): Promise<object> {
  await makeTable({ index: how === 'index' ? 'btree' : 'none', fillfactor: 90 }, 400, swept, perMille)
  const times: number[] = []
  const run = async (text: string, values: unknown[]): Promise<number> => {
    const began = performance.now()
    const { rowCount } = await pool.query({ name: text.includes('ctid') ? 'pages' : 'plain', text, values })
    times.push(performance.now() - began)
    return rowCount ?? 0
  }
  let removed = 0
  if (how === 'pages') {
    const pages = await numberOf("SELECT pg_relation_size('s') / 8192")
    for (let page = 0; page < pages; page += 1024) {
      for (let last = batch; last === batch; removed += last) {
        last = await run(byPages, [start, batch, `(${page},0)`, `(${page + 1024},0)`])
      }
    }
  } else {
    for (let last = batch; last === batch; removed += last) last = await run(byIndexOrScan, [start, batch])
  }
  const [total, longest] = [times.reduce((sum, each) => sum + each, 0), Math.max(...times)]
  return {
    how,
    rows: swept,
    removed,
    statements: times.length,
    totalMs: Math.round(total),
    longestMs: Math.round(longest),
  }
}

/** Reads and writes one column, as bytes or as text with U+0000 escaped, with both clients. */
async function transferred(bytes: number): Promise<object[]> {
  const sql = postgres({ host: server.host, port: server.port, user: 'postgres', max: 1 })
  const single = new pg.Client({ host: server.host, port: server.port, user: 'postgres' })
  await single.connect()
  await single.query('DROP TABLE IF EXISTS b, t; CREATE TABLE b (key text PRIMARY KEY, payload bytea)')
  await single.query('CREATE TABLE t (key text PRIMARY KEY, payload text)')
  const text = JSON.stringify(Array.from({ length: bytes / 16 }, (_, index) => `item ${(index * 7919) % 1e9}`)).slice(
    0,
    bytes,
  )
  await single.query("INSERT INTO t VALUES ('k', $1)", [text])
  await single.query("INSERT INTO b VALUES ('k', $1)", [new TextEncoder().encode(text)])
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  const toBytes = (): Uint8Array => new TextEncoder().encode(text)
  const escaped = (): string =>
    text.includes('\0') || text.includes('\u0001') ? text.replaceAll('\0', '\u00010') : text
  const read = (table: string) => `SELECT payload FROM ${table} WHERE key = $1`
  const write = (table: string) => `UPDATE ${table} SET payload = $2 WHERE key = $1`
  const ways: Record<string, () => Promise<unknown>> = {
    'pg, read bytea': async () => decoder.decode((await pgRun('rb', read('b'), ['k']))[0]?.[0] as Uint8Array),
    'pg, read text': async () => String((await pgRun('rt', read('t'), ['k']))[0]?.[0]).includes('\u0001'),
    'pg, write bytea': () => pgRun('wb', write('b'), ['k', toBytes()]),
    'pg, write text': () => pgRun('wt', write('t'), ['k', escaped()]),
    'postgres, read bytea': async () => decoder.decode((await jsRun(read('b'), ['k']))[0]?.[0] as Uint8Array),
    'postgres, read text': async () => String((await jsRun(read('t'), ['k']))[0]?.[0]).includes('\u0001'),
    'postgres, write bytea': () => jsRun(write('b'), ['k', toBytes() as never]),
    'postgres, write text': () => jsRun(write('t'), ['k', escaped()]),
  }
  const pgRun = async (name: string, statement: string, values: unknown[]): Promise<unknown[][]> =>
    (await single.query({ name, text: statement, values, rowMode: 'array' })).rows
  const jsRun = async (statement: string, values: string[]): Promise<ArrayLike<unknown[]>> =>
    sql.unsafe(statement, values, { prepare: true }).values()
  const rounds = 5
  const calls = isQuick ? 100 : 1000
  const best = new Map<string, number>()
  for (let round = 0; round <= rounds; round++) {
    for (const [way, call] of Object.entries(ways)) {
      const before = process.cpuUsage()
      for (let done = 0; done < calls; done++) await call()
      const { user, system } = process.cpuUsage(before)
      // The first round warms up.
      if (round > 0) best.set(way, Math.min(best.get(way) ?? Number.POSITIVE_INFINITY, (user + system) / calls))
    }
  }
  await Promise.all([sql.end(), single.end()])
  return [...best].map(([way, cost]) => ({ way, bytes, clientMicroseconds: Math.round(cost) }))
}

const transferResults: object[] = []
for (const bytes of [400, 2_000, 20_000]) transferResults.push(...(await transferred(bytes)))
console.table(transferResults)

const updateResults: object[] = []
for (const bytes of [400, 1500]) {
  for (const operation of ['touch', 'replace'] as const) {
    for (const index of ['none', 'btree']) {
      for (const fillfactor of [100, 90, 70]) updateResults.push(await updated({ index, fillfactor }, bytes, operation))
    }
  }
}
updateResults.push(await updated({ index: 'brin', fillfactor: 90 }, 400, 'touch'))
console.table(updateResults)

const sweepResults: object[] = []
for (const perMille of [0, 100])
  for (const how of ['index', 'scan', 'pages']) sweepResults.push(await sweptBy(how, perMille))
console.table(sweepResults)

const version = (await pool.query('SHOW server_version')).rows[0].server_version
if (!isQuick) {
  mkdirSync(new URL('results/', import.meta.url), { recursive: true })
  const result = {
    postgres: version,
    node: process.version,
    cpus: cpus().length,
    updates,
    sessions,
    transferResults,
    updateResults,
    sweepResults,
  }
  writeFileSync(new URL('results/postgres-15.json', import.meta.url), `${JSON.stringify(result, null, 2)}\n`)
}
await pool.end()
await server.close()
