import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { root } from '../../tools/doors.mjs'

const cache = join(root, 'node_modules/.cache/coatcheck')
mkdirSync(cache, { recursive: true })
const folder = mkdtempSync(join(cache, 'types-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The compiler's errors about a file and nothing else, under the options of all tests. */
function errorsIn(file: string): string[] {
  const config = join(folder, 'tsconfig.json')
  const only = { extends: join(root, 'tsconfig.test.json'), include: [], exclude: [], files: [file] }
  writeFileSync(config, JSON.stringify(only))
  const run = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', config, '--pretty', 'false'], { encoding: 'utf8' })
  if (run.error !== undefined) throw run.error
  const name = file.split('/').at(-1) ?? ''
  return run.stdout.split('\n').filter((line) => line.includes(`${name}(`) || line.startsWith('error'))
}

/** Compiles a type test in which some claims were turned into others. */
function errorsAfter(file: string, changes: Record<string, string>): string[] {
  let text = readFileSync(join(root, 'test/types', file), 'utf8')
  for (const [from, to] of Object.entries(changes)) {
    if (!text.includes(from)) throw new Error(`${file} has no ${from}`)
    text = text.replace(from, to)
  }
  text = text.replaceAll("from '../../", `from '${root}`).replaceAll("from './", `from '${root}test/types/`)
  const copy = join(folder, 'changed.ts')
  writeFileSync(copy, text)
  return errorsIn(copy)
}

describe.each(['session.types.ts', 'sessions.types.ts'])('the types in %s', (file) => {
  it('accept what is right and refuse what is wrong', () => {
    expect(errorsIn(join(root, 'test/types', file))).toEqual([])
    expect(errorsAfter(file, {})).toEqual([])
  })
})

describe('a claim about types', () => {
  it('that does not hold is an error', () => {
    const changes = { 'claim<Equals<typeof value, unknown>>()': 'claim<Equals<typeof value, any>>()' }
    const errors = errorsAfter('session.types.ts', changes)
    expect(errors).toEqual([expect.stringContaining('TS2344')])
  })

  it('that something is refused is an error where it is accepted', () => {
    const errors = errorsAfter('session.types.ts', { "session.set('theme', 'blue')": "session.set('theme', 'light')" })
    expect(errors).toEqual([expect.stringContaining('TS2578')])
  })
})
