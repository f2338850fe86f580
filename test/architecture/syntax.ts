import { posix } from 'node:path'
import ts from 'typescript'

/** One import or re-export, static or dynamic. */
export interface Import {
  readonly specifier: string
  /** For a relative specifier the file it means, relative to the root; undefined for a package or a built-in. */
  readonly file: string | undefined
  /** Nothing of it is left in the emitted JavaScript. */
  readonly typeOnly: boolean
  readonly dynamic: boolean
}

/** Each file is asked about by several rules. */
const parsed = new Map<string, ts.SourceFile>()

/** The syntax tree, by TypeScript's own parser: no regular expression tells a comment from a string reliably. */
export function parse(path: string, text: string): ts.SourceFile {
  const known = parsed.get(path)
  if (known?.text === text) return known
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true)
  parsed.set(path, source)
  return source
}

/** Every import of a file: `import`, `export ... from`, `import()` and `import('...')` in a type. */
export function importsOf(path: string, text: string): Import[] {
  const imports: Import[] = []
  const add = (literal: ts.Node | undefined, typeOnly: boolean, dynamic = false): void => {
    if (literal === undefined || !ts.isStringLiteralLike(literal)) return
    const specifier = literal.text
    const file = specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : undefined
    imports.push({ specifier, file, typeOnly, dynamic })
  }
  visit(parse(path, text), (node) => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, isTypeImport(node.importClause))
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly)
    else if (ts.isImportTypeNode(node))
      add(ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, true)
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], false, true)
    }
  })
  return imports
}

/** The files that `new URL('./x.ts', import.meta.url)` names, relative to the root. */
export function addressesOf(path: string, text: string): string[] {
  const files: string[] = []
  if (!text.includes('import.meta.url')) return files
  visit(parse(path, text), (node) => {
    if (!ts.isNewExpression(node) || node.expression.getText() !== 'URL') return
    const [relative, base] = node.arguments ?? []
    if (relative === undefined || !ts.isStringLiteralLike(relative) || base?.getText() !== 'import.meta.url') return
    if (relative.text.startsWith('.')) files.push(posix.join(posix.dirname(path), relative.text))
  })
  return files
}

/** Calls `look` with the node and all below it. */
export function visit(node: ts.Node, look: (node: ts.Node) => void): void {
  look(node)
  ts.forEachChild(node, (child) => visit(child, look))
}

/** The comments of a file, each with its delimiters. */
export function commentsOf(source: ts.SourceFile): string[] {
  const comments = new Map<number, string>()
  const text = source.text
  const collect = (node: ts.Node): void => {
    const ranges = [
      ...(ts.getLeadingCommentRanges(text, node.getFullStart()) ?? []),
      ...(ts.getTrailingCommentRanges(text, node.getEnd()) ?? []),
    ]
    for (const { pos, end } of ranges) comments.set(pos, text.slice(pos, end))
    for (const child of node.getChildren(source)) collect(child)
  }
  collect(source)
  return [...comments.values()]
}

/** The line of a node, from 1. */
export function lineOf(source: ts.SourceFile, node: ts.Node): number {
  return source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1
}

function isTypeImport(clause: ts.ImportClause | undefined): boolean {
  // Under verbatimModuleSyntax `import { type A }` leaves `import {}` behind, so only the whole statement counts.
  return clause?.phaseModifier === ts.SyntaxKind.TypeKeyword
}
