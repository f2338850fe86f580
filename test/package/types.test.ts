import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, inject, it } from 'vitest'
import { doorSources, root } from '../../tools/doors.mjs'
import { run } from './runs.ts'

// The oldest compiler whose users are served, by its own program: the newer one is what builds the package.
const compiler = join(root, 'node_modules/.bin/tsc6')

interface Consumer {
  readonly app: string
  readonly name: string
  readonly text: string
  readonly module: 'nodenext' | 'preserve'
  readonly types?: string[]
}

/** Compiles an app that uses the declarations as they are emitted, none of them skipped. */
function compile({ app, name, text, module, types = [] }: Consumer) {
  const folder = join(app, name)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'app.mts'), text)
  const compilerOptions = {
    target: 'ES2022',
    lib: ['ES2022', 'DOM'],
    types,
    module,
    moduleResolution: module === 'preserve' ? 'bundler' : 'nodenext',
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['app.mts'] }))
  return run(compiler, ['-p', folder], folder)
}

const typed = `
import { createSessions } from 'coatcheck'
const sessions = createSessions<{ cart?: string[]; visits?: number }>()
const session = await sessions.open(null)
const cart: string[] | undefined = session.get('cart')
session.push('cart', 'tea')
export const visits: number = session.increment('visits')
export { cart }
`

describe('the emitted types', () => {
  it('of the root door compile in an app without Node', () => {
    const ran = compile({ app: inject('bareApp'), name: 'root', text: typed, module: 'nodenext' })
    expect(ran).toEqual({ status: 0, output: '' })
  })

  it('of every door compile in an app with Node, Express and a bundler', () => {
    const doors = [...doorSources(root).keys()]
    const text = doors.map((door, index) => `export * as door${index} from '${door}'`).join('\n')
    const ran = compile({ app: inject('fullApp'), name: 'doors', text, module: 'preserve', types: ['node'] })
    expect(ran).toEqual({ status: 0, output: '' })
  })

  it('say what is wrong in an app that is', () => {
    const text = `${typed}\nsession.set('visits', 'many')\nsession.get('basket')\n`
    const { status, output } = compile({ app: inject('bareApp'), name: 'wrong', text, module: 'nodenext' })
    expect(status).not.toBe(0)
    expect(output.match(/error TS/g)).toHaveLength(2)
  })
})
