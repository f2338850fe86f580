import { inspect } from 'node:util'

/** All that any way of printing an error, or one of its causes, would show. */
export function everythingOf(error: unknown): string {
  const said: string[] = []
  for (let each = error; each instanceof Error; each = each.cause) {
    said.push(String(each), each.stack ?? '', JSON.stringify(each))
    said.push(inspect(each, { showHidden: true, getters: true, depth: 9, maxStringLength: null, maxArrayLength: null }))
  }
  return said.join('\n')
}

/** What an operation throws or rejects with. */
export async function errorOf(operation: (() => unknown) | undefined): Promise<unknown> {
  try {
    await operation?.()
  } catch (error) {
    return error
  }
  throw new Error('the operation did not fail')
}
