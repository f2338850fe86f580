import type { SchemaIssue, StandardSchema } from '../../contract/schema.ts'

const mostFaults = 5
const longestPath = 120

/** Where data does not fit a schema, as text without any of its values; null if it does. */
export async function fitsSchema(schema: StandardSchema, data: Record<string, unknown>): Promise<string | null> {
  const { issues } = await schema['~standard'].validate(data)
  if (issues === undefined) return null
  const paths = issues.slice(0, mostFaults).map(({ path = [] }) => shownPath(path))
  return paths.join(', ') + (issues.length > paths.length ? ` and ${issues.length - paths.length} more` : '')
}

/** A path for a log: its keys may come from a client, so it is cut, and nothing in it breaks a line. */
function shownPath(path: NonNullable<SchemaIssue['path']>): string {
  const text = path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.') || 'data'
  return text.slice(0, longestPath).replaceAll(/[\p{Cc}\u2028\u2029]/gu, '?')
}
