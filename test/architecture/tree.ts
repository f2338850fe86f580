import { readdirSync, readFileSync } from 'node:fs'
import { extname } from 'node:path'

/** Texts by path relative to the root, with slashes: a working copy, or a few planted files. */
export type Tree = ReadonlyMap<string, string>

const ignoredFolders = new Set(['.git', 'node_modules', 'dist', 'coverage', '.cache', '.data'])
const textFormats = new Set(
  [
    '',
    '.ts',
    '.mts',
    '.cts',
    '.js',
    '.mjs',
    '.cjs',
    '.json',
    '.md',
    '.html',
    '.css',
    '.yaml',
    '.yml',
    '.sh',
    '.sql',
  ].concat(['.npmrc', '.gitignore', '.txt', '.svg']),
)

/** Reads the text files below `root`, without what is installed or generated. */
export function readTree(root: string): Tree {
  const tree = new Map<string, string>()
  const visit = (folder: string): void => {
    for (const entry of readdirSync(`${root}/${folder}`, { withFileTypes: true })) {
      const path = `${folder}${entry.name}`
      if (entry.isDirectory()) {
        if (!ignoredFolders.has(entry.name)) visit(`${path}/`)
      } else if (entry.isFile() && textFormats.has(extname(entry.name))) {
        tree.set(path, readFileSync(`${root}/${path}`, 'utf8'))
      }
    }
  }
  visit('')
  return tree
}

/** The TypeScript files of `src`. */
export function sourcesOf(tree: Tree): Tree {
  return filesIn(tree, /^src\/.*\.ts$/)
}

/** The files whose path matches. */
export function filesIn(tree: Tree, pattern: RegExp): Tree {
  return new Map([...tree].filter(([path]) => pattern.test(path)))
}
