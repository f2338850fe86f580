import { join } from 'node:path'
import { describe, expect, inject, it } from 'vitest'
import { doorSources, root } from '../../tools/doors.mjs'
import { run } from './runs.ts'

const tarball = inject('tarball')
const bin = join(root, 'node_modules/.bin')

describe('the packed package', () => {
  it('gives publint nothing to say', () => {
    const { status, output } = run(join(bin, 'publint'), ['run', tarball, '--strict'], root)
    expect(status, output).toBe(0)
    expect(output).toContain('All good!')
  })

  it('resolves with right types in every mode of TypeScript for ES modules', () => {
    const args = [tarball, '--profile', 'esm-only', '--format', 'ascii', '--no-color', '--no-emoji']
    const { status, output } = run(join(bin, 'attw'), args, root)
    expect(status, output).toBe(0)
    for (const door of doorSources(root).keys()) expect(output).toContain(`"${door}"`)
  })
})
