import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, inject, it } from 'vitest'
import { doorSources, root } from '../../tools/doors.mjs'
import { run } from './runs.ts'

const app = inject('bareApp')
const installed = join(app, 'node_modules/coatcheck')
const doors = [...doorSources(root).keys()]

/** Runs a program of an app that installed the package without its dependencies, on this Node. */
function program(kind: 'module' | 'commonjs', text: string) {
  return run(process.execPath, ['--no-warnings', `--input-type=${kind}`, '--eval', text], app)
}

describe('the installed package', () => {
  it.each(doors)('is imported as %s without its dependencies', (door) => {
    const ran = program('module', `console.log(Object.keys(await import('${door}')).length > 0)`)
    expect(ran).toEqual({ status: 0, output: 'true' })
  })

  it.each(doors)('is required as %s', (door) => {
    const ran = program('commonjs', `console.log(Object.keys(require('${door}')).length > 0)`)
    expect(ran).toEqual({ status: 0, output: 'true' })
  })

  it('is one and the same for import and require', () => {
    const text = `import('coatcheck').then((it) => console.log(it.createSessions === require('coatcheck').createSessions))`
    expect(program('commonjs', text)).toEqual({ status: 0, output: 'true' })
  })

  it('lets nobody import what is no door', () => {
    const ran = program('module', "await import('coatcheck/dist/core/plan.js')")
    expect(ran.status).toBe(1)
    expect(ran.output).toContain('ERR_PACKAGE_PATH_NOT_EXPORTED')
  })

  it('answers for its package.json', () => {
    const ran = program('commonjs', "console.log(require('coatcheck/package.json').name)")
    expect(ran).toEqual({ status: 0, output: 'coatcheck' })
  })

  it('brings the built files and the documents for its users, nothing else', () => {
    const known = ['CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md', 'dist', 'package.json']
    expect(readdirSync(installed).filter((name) => !known.includes(name))).toEqual([])
    const files = readdirSync(join(installed, 'dist'), { recursive: true, withFileTypes: true })
    const names = files.filter((entry) => entry.isFile()).map((entry) => entry.name)
    expect(names.length).toBeGreaterThan(20)
    expect(names.filter((name) => !/^[a-z0-9_-]+(\.d\.ts|\.js)$/.test(name))).toEqual([])
  })

  it('has the types of each door beside it', () => {
    const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
      exports: Record<string, string | { types: string; default: string }>
    }
    for (const target of Object.values(manifest.exports)) {
      const files = typeof target === 'string' ? [target] : [target.types, target.default]
      for (const file of files) expect(existsSync(join(installed, file)), file).toBe(true)
    }
  })

  it('runs no script when it is installed', () => {
    const { scripts = {} } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
      scripts?: Record<string, string>
    }
    expect(Object.keys(scripts).filter((name) => /^(pre|post)?install$|^prepare$/.test(name))).toEqual([])
  })
})
