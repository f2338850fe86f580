import ts from 'typescript'
import { filesIn, sourcesOf, type Tree } from '../fixtures/tree.ts'
import { isPure } from './imports.ts'
import { commentsOf, importsOf, lineOf, parse, visit } from './syntax.ts'

const longest = 300
/** The one file that may look for the platform, and does so without naming a module. */
const platformProbe = 'src/crypto/builtin.ts'

/** Source files that are too long to be about one thing. */
export function longFiles(tree: Tree): string[] {
  return [...sourcesOf(tree)]
    .map(([path, text]) => ({ path, lines: text.replace(/\n$/, '').split('\n').length }))
    .filter(({ lines }) => lines > longest)
    .map(({ path, lines }) => `${path}: ${lines} lines`)
}

/** What only exists on Node, in the folders that run anywhere. */
export function platformFaults(tree: Tree): string[] {
  const faults: string[] = []
  for (const [path, text] of sourcesOf(tree)) {
    if (!isPure(path) || path === platformProbe) continue
    for (const { specifier } of importsOf(path, text)) {
      if (specifier.startsWith('node:')) faults.push(`${path} imports ${specifier}`)
    }
    const source = parse(path, text)
    visit(source, (node) => {
      if (ts.isStringLiteralLike(node) && node.text.startsWith('node:') && !isSpecifier(node)) {
        faults.push(`${path}:${lineOf(source, node)} names ${node.text}`)
      }
      // Other globals of Node are unknown to the compiler in tsconfig.pure.json.
      if (ts.isIdentifier(node) && node.text === 'process' && isGlobalUse(node)) {
        faults.push(`${path}:${lineOf(source, node)} uses ${node.text}`)
      }
    })
  }
  return faults
}

/** `any` in sources; compiler or linter told to look away without a reason, anywhere. */
export function silencedChecks(tree: Tree): string[] {
  const faults: string[] = []
  for (const [path, text] of filesIn(tree, /\.(ts|mts|mjs|js)$/)) {
    const inSource = path.startsWith('src/')
    if (!inSource && !/@ts-|biome-ignore/.test(text)) continue
    const source = parse(path, text)
    if (inSource) {
      visit(source, (node) => {
        if (node.kind === ts.SyntaxKind.AnyKeyword) faults.push(`${path}:${lineOf(source, node)} any`)
      })
    }
    for (const comment of commentsOf(source)) {
      if (/@ts-(ignore|nocheck)\b/.test(comment)) faults.push(`${path}: ${comment}`)
      // In type tests the expected error is the assertion, and the line below says what it is about.
      if (inSource && /@ts-expect-error\W*$/.test(comment)) faults.push(`${path}: ${comment}, without a reason`)
      if (/biome-ignore/.test(comment) && !/biome-ignore[\w-]* [\w/]+: \w+/.test(comment)) {
        faults.push(`${path}: ${comment}, without a reason`)
      }
    }
  }
  return faults
}

/** Errors that vanish: a `catch` without a statement (outside of src a reason will do), a `.catch()` without either. */
export function emptyCatches(tree: Tree): string[] {
  const faults: string[] = []
  for (const [path, text] of filesIn(tree, /^(src|tools|test|bench|examples)\/.*\.(ts|mjs)$/)) {
    const source = parse(path, text)
    visit(source, (node) => {
      if (ts.isCatchClause(node) && (path.startsWith('src/') ? hasNoStatement(node.block) : isBlank(node.block))) {
        faults.push(`${path}:${lineOf(source, node)} empty catch`)
      }
      if (path.startsWith('src/') && ts.isCallExpression(node) && isEmptyHandler(node)) {
        faults.push(`${path}:${lineOf(source, node)} empty .catch()`)
      }
    })
  }
  return faults
}

/** Files whose name says nothing, and sources whose name is not in kebab-case. */
export function nameFaults(tree: Tree): string[] {
  const empty = /^_?(utils?|helpers?|commons?|misc|managers?|shared|stuff)$/
  return [...tree.keys()].filter((path) => {
    const name = path.split('/').at(-1) ?? ''
    const words = name.split('.')[0]?.split('-') ?? []
    const isKebab = /^_?[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)+$/.test(name)
    return words.some((word) => empty.test(word)) || (path.startsWith('src/') && path.endsWith('.ts') && !isKebab)
  })
}

/** Paths of somebody's machine and hosts of package registries, in any file. */
export function machineTraces(tree: Tree): string[] {
  const folders = ['work', 'root', 'tmp', 'var/tmp'].join('|')
  const homes = ['home', 'Users'].join('|')
  const path = new RegExp(`(?:^|[\\s'"\`(=]|file://)/(?:(?:${folders})(?![\\w-])|(?:${homes})/[\\w.-]+)`, 'm')
  const host =
    /\b(?:registry|npm|nexus|artifactory|verdaccio|packages)\.[a-z0-9-]+\.[a-z]{2,}\b|"resolved": "[a-z]+:\/\//
  const faults: string[] = []
  for (const [file, text] of tree) {
    for (const pattern of [path, host]) {
      const match = pattern.exec(text)
      if (match !== null) faults.push(`${file}: ${match[0].trim()}`)
    }
  }
  return faults
}

/** Folders and root files of src that its README does not mention. */
export function undescribedParts(tree: Tree): string[] {
  const readme = tree.get('src/README.md')
  if (readme === undefined) return ['there is no src/README.md']
  const parts = new Set<string>()
  for (const path of sourcesOf(tree).keys()) {
    const [, part = '', below] = path.split('/')
    parts.add(below === undefined ? part : `${part}/`)
  }
  return [...parts].filter((part) => !new RegExp(`(^|[^\\w-])${part.replace('.', '\\.')}`, 'm').test(readme))
}

function isEmptyHandler(call: ts.CallExpression): boolean {
  if (!ts.isPropertyAccessExpression(call.expression) || call.expression.name.text !== 'catch') return false
  const [handler] = call.arguments
  if (handler === undefined || !(ts.isArrowFunction(handler) || ts.isFunctionExpression(handler))) return false
  return ts.isBlock(handler.body) && isBlank(handler.body)
}

function hasNoStatement(block: ts.Block): boolean {
  return block.statements.length === 0
}

/** Whether there is not even a comment between the braces. */
function isBlank(block: ts.Block): boolean {
  return /^\{\s*\}$/.test(block.getText())
}

function isSpecifier(node: ts.Node): boolean {
  const { parent } = node
  return ts.isImportDeclaration(parent) || ts.isExportDeclaration(parent)
}

/** Whether the name means the global, rather than a member or a declaration that happens to be called so. */
function isGlobalUse(node: ts.Identifier): boolean {
  const { parent } = node
  if (ts.isPropertyAccessExpression(parent)) {
    return parent.expression === node || parent.expression.getText() === 'globalThis'
  }
  const isName = 'name' in parent && parent.name === node
  return !isName && !ts.isPropertyAssignment(parent)
}
