import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { build, isStale } from '../../tools/build.mjs'
import { root } from '../../tools/doors.mjs'

declare module 'vitest' {
  interface ProvidedContext {
    /** An app that installed the package, but none of its dependencies. */
    bareApp: string
    /** An app that installed the package with its dependencies and its peers. */
    fullApp: string
    /** The package as it would be published. */
    tarball: string
  }
}

/** Packs the package once, as npm would publish it, and installs it into two apps. */
export default function setup(project: TestProject): () => void {
  if (isStale()) build()
  const folder = mkdtempSync(join(tmpdir(), 'coatcheck-package-'))
  const npm = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder]
  const [packed] = JSON.parse(execFileSync('npm', npm, { cwd: root, encoding: 'utf8' })) as { filename: string }[]
  if (packed === undefined) throw new Error('npm pack made nothing')
  const tarball = join(folder, packed.filename)
  for (const app of ['bare', 'full']) {
    const installed = join(folder, app, 'node_modules/coatcheck')
    mkdirSync(installed, { recursive: true })
    execFileSync('tar', ['-xzf', tarball, '--strip-components=1', '-C', installed])
  }
  mkdirSync(join(folder, 'full/node_modules/@types'))
  for (const name of ['croner', 'express', '@types/express', '@types/node']) {
    symlinkSync(join(root, 'node_modules', name), join(folder, 'full/node_modules', name))
  }
  project.provide('bareApp', join(folder, 'bare'))
  project.provide('fullApp', join(folder, 'full'))
  project.provide('tarball', tarball)
  return () => rmSync(folder, { recursive: true, force: true })
}
