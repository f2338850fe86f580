/**
 * The statement that makes the table, or brings one that is there up to the present layout, see `_sql.ts`.
 *
 * It is a single statement, hence a transaction of its own on whatever connection a pool gives. The lock makes calls
 * queue: `IF NOT EXISTS` alone fails when two of them begin at once. It changes nothing, locks no table and needs no
 * more than the right to read when there is nothing to do.
 *
 * @param table - Quoted, and free of anything that would have to be escaped: `DO` takes no parameters.
 */
export function tableLayout(table: string): string {
  return `DO $coatcheck$
DECLARE
  target regclass;
  present text[];
  required text;
  owner_key text;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('coatcheck'), hashtext('${table}'));
  target := to_regclass('${table}');
  IF target IS NULL THEN
    CREATE TABLE ${table} (
      ${columns.map(([name, type, constraint]) => `"${name}" ${type} ${constraint}`).join(',\n      ')}
    ) WITH (fillfactor = 90);
    CREATE INDEX ON ${table} ("user_id") WHERE "user_id" IS NOT NULL;
    RETURN;
  END IF;

  SELECT array_agg(attname::text) INTO present FROM pg_attribute
    WHERE attrelid = target AND attnum > 0 AND NOT attisdropped;
  -- Made while this waited for the lock, and not to be seen above \`read committed\`.
  IF present IS NULL THEN
    RAISE EXCEPTION 'the table % was made by another transaction', target USING ERRCODE = 'serialization_failure';
  END IF;
  SELECT attname INTO required FROM pg_attribute
    WHERE attrelid = target AND attnum > 0 AND NOT attisdropped AND attnotnull AND NOT atthasdef AND attidentity = ''
    AND attname NOT IN (${[...columns.map(([name]) => name), ...beego].map((name) => `'${name}'`).join(', ')}) LIMIT 1;
  IF required IS NOT NULL THEN
    RAISE EXCEPTION 'the table % belongs to something else: its column % has to have a value', target, required
      USING HINT = 'Choose another name for the table of sessions.';
  END IF;

  IF present @> ARRAY[${beego.map((name) => `'${name}'`).join(', ')}] THEN
    SELECT conname INTO owner_key FROM pg_constraint WHERE conrelid = target AND contype = 'p' AND conkey = ARRAY[(
      SELECT attnum FROM pg_attribute WHERE attrelid = target AND attname = 'session_key')];
    IF owner_key IS NOT NULL THEN
      EXECUTE format('ALTER TABLE ${table} DROP CONSTRAINT %I, ADD UNIQUE ("session_key")', owner_key);
      ALTER TABLE ${table} ALTER "session_key" DROP NOT NULL, ALTER "session_expiry" DROP NOT NULL;
    END IF;
  END IF;
  ${columns.map(([name, type]) => addColumn(table, name, type)).join('\n  ')}
  IF NOT EXISTS (${indexOn('key')} AND indisunique AND indnkeyatts = 1 AND indpred IS NULL) THEN
    ALTER TABLE ${table} ADD UNIQUE ("key");
  END IF;
  IF NOT EXISTS (${indexOn('user_id')}) THEN
    CREATE INDEX ON ${table} ("user_id") WHERE "user_id" IS NOT NULL;
  END IF;
END $coatcheck$`
}

/**
 * Without an index on the deadline, every `touch` and nearly every `replace` is a heap-only update: no index is written.
 * See decisions/010.
 */
const columns = [
  ['key', 'text COLLATE "C"', 'PRIMARY KEY'],
  ['version', 'bigint', 'NOT NULL'],
  ['expires_at', 'bigint', 'NOT NULL'],
  ['user_id', 'text COLLATE "C"', ''],
  ['payload', 'text', 'NOT NULL'],
] as const

const beego = ['session_key', 'session_data', 'session_expiry'] as const

/** Nullable, for the rows that are there; a row that lacks one of them is no record to any statement. */
function addColumn(table: string, name: string, type: string): string {
  return `IF NOT present @> ARRAY['${name}'] THEN ALTER TABLE ${table} ADD COLUMN "${name}" ${type}; END IF;`
}

function indexOn(column: string): string {
  return `SELECT FROM pg_index WHERE indrelid = target AND indkey[0] = (
    SELECT attnum FROM pg_attribute WHERE attrelid = target AND attname = '${column}')`
}
