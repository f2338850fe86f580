import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { readTree } from '../fixtures/tree.ts'
import { moduleOf, type Snippet, snippetsOf } from './snippets.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** Compiles snippets against the sources and answers what the compiler says, by page. */
function compile(snippets: readonly Snippet[]): string[] {
  const cache = join(root, 'node_modules/.cache/coatcheck-snippets')
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'run-'))
  try {
    for (const [index, snippet] of snippets.entries())
      writeFileSync(join(folder, `snippet-${index}.ts`), moduleOf(snippet))
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        extends: relative(folder, join(root, 'tsconfig.test.json')),
        compilerOptions: { rootDir: root, noUnusedLocals: false },
        include: ['*.ts', relative(folder, join(root, 'test/docs/ambient.d.ts'))],
        exclude: [],
      }),
    )
    const { stdout } = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', folder, '--pretty', 'false'], {
      encoding: 'utf8',
    })
    return stdout
      .split('\n')
      .filter((line) => line.includes('error'))
      .map((line) => line.replace(/^.*snippet-(\d+)\.ts/, (_, index) => where(snippets[Number(index)])))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function where(snippet: Snippet | undefined): string {
  return snippet === undefined ? '?' : `${snippet.page} after line ${snippet.line}, at`
}

it('every TypeScript snippet of the documentation compiles', () => {
  const pages = [...readTree(root)].filter(([path]) => /^(README\.md|docs\/.*\.md|src\/.*\.ts)$/.test(path))
  const snippets = pages.flatMap(([path, text]) => snippetsOf(path, text))
  expect(snippets.length).toBeGreaterThan(20)
  expect(compile(snippets)).toEqual([])
}, 60_000)

it('a snippet that does not compile is found', () => {
  const page = readFileSync(join(root, 'docs/session.md'), 'utf8').replaceAll('session.has(', 'session.hass(')
  expect(compile(snippetsOf('docs/session.md', page)).join('\n')).toMatch(/docs\/session\.md after line \d+.*hass/)
}, 60_000)
