import type { SqlValue } from '../_sql/statements.ts'

/** Runs one statement: the rows as arrays, or the header that answers a write. */
export type MysqlExecute = (text: string, values: readonly SqlValue[]) => Promise<MysqlRows | MysqlHeader>

export type MysqlRows = ReadonlyArray<readonly unknown[]>

/** The answer to a write. */
export interface MysqlHeader {
  readonly affectedRows: number | string
  readonly insertId: number | string
}

/** Where the records are. */
export interface MysqlTable {
  readonly name: string
  readonly schema: string | undefined
  /** With its schema, in quotes. */
  readonly quoted: string
}

/** `ER_DUP_FIELDNAME`: somebody else has added the column meanwhile. */
const duplicateColumn = 1060

const indexes = ['KEY `expires_at` (`expires_at`)', 'KEY `user_id` (`user_id`(191))']

/**
 * Makes the table, or makes one of beego's fit; any number of processes may do so at once.
 *
 * All texts are kept as bytes, so neither a collation nor a connection's character set has a say. `user_id` is as wide as
 * it is lest a server that is not in strict mode cut an id down to that of another user.
 */
export async function createMysqlTable(execute: MysqlExecute, table: MysqlTable): Promise<void> {
  const [autocommit] = (await execute('SELECT @@autocommit', [])) as MysqlRows
  if (Number(autocommit?.[0]) === 0) {
    throw new Error('mysqlStore: with autocommit off no write would last; give the store a client that has it on.')
  }
  await execute(
    `CREATE TABLE IF NOT EXISTS ${table.quoted} (
\`key\` VARBINARY(128) NOT NULL PRIMARY KEY, \`payload\` LONGBLOB NOT NULL, \`version\` BIGINT NOT NULL,
\`expires_at\` BIGINT NOT NULL, \`user_id\` BLOB NULL, ${indexes.join(', ')}) ENGINE=InnoDB`,
    [],
  )
  const found = await columnsOf(execute, table)
  const [key, name, data, expiry] = ['key', 'session_key', 'session_data', 'session_expiry'].map((each) =>
    found.get(each),
  )
  if (name !== undefined && data !== undefined && expiry !== undefined) {
    if (key === undefined) await adoptBeego(execute, table, { name, data, expiry })
    // Only now: a column that is added with a random default cannot be replicated by statements, which MySQL refuses.
    if (key?.isRandom !== true) {
      await execute(`ALTER TABLE ${table.quoted} ALTER COLUMN \`key\` SET DEFAULT (UUID())`, [])
    }
  } else if (key === undefined) {
    throw new Error(`mysqlStore: the table ${table.quoted} is there already and holds something else; choose another.`)
  }
}

interface Column {
  readonly type: string
  readonly isRandom: boolean
}

/**
 * Adds our columns to a table of beego's, whose own stay as they are except that a row can do without them: ours have no
 * expiry, which its collector passes over. The primary key must be ours, for concurrent inserts into a second unique
 * index end in deadlocks; beego's becomes a unique index, and its rows get some key and no deadline, so that no statement of
 * ours finds them.
 */
async function adoptBeego(
  execute: MysqlExecute,
  table: MysqlTable,
  { name, data, expiry }: { readonly name: Column; readonly data: Column; readonly expiry: Column },
): Promise<void> {
  const changes = [
    'ADD COLUMN `key` VARBINARY(128) NOT NULL DEFAULT (`session_key`)',
    'ADD COLUMN `payload` LONGBLOB NULL',
    'ADD COLUMN `version` BIGINT NULL',
    'ADD COLUMN `expires_at` BIGINT NULL',
    'ADD COLUMN `user_id` BLOB NULL',
    'DROP PRIMARY KEY',
    'ADD PRIMARY KEY (`key`)',
    'ADD UNIQUE KEY `session_key` (`session_key`)',
    ...indexes.map((index) => `ADD ${index}`),
    `MODIFY COLUMN \`session_key\` ${name.type} NULL`,
    `MODIFY COLUMN \`session_data\` ${data.type} NULL`,
    `MODIFY COLUMN \`session_expiry\` ${expiry.type} NULL`,
    'ENGINE=InnoDB',
  ]
  try {
    await execute(`ALTER TABLE ${table.quoted} ${changes.join(', ')}`, [])
  } catch (error) {
    if ((error as { errno?: unknown }).errno !== duplicateColumn) throw error
  }
}

async function columnsOf(execute: MysqlExecute, { name, schema }: MysqlTable): Promise<Map<string, Column>> {
  const rows = (await execute(
    `SELECT column_name, column_type, collation_name, column_default FROM information_schema.columns
WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ?`,
    [schema ?? null, name],
  )) as MysqlRows
  return new Map(
    rows.map(([column, type, collation, byDefault]) => [
      String(column),
      {
        type: `${type}${collation === null ? '' : ` COLLATE ${collation}`}`,
        isRandom: /uuid/i.test(String(byDefault)),
      },
    ]),
  )
}
