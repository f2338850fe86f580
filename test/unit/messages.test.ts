import { readdirSync, readFileSync } from 'node:fs'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

/** The texts of a literal, a template or a sum of such, with `…` for what is filled in; null for what is none. */
function textOf(node: ts.Node | undefined): string | null {
  if (node === undefined) return null
  if (ts.isStringLiteralLike(node)) return node.text
  if (ts.isTemplateExpression(node)) {
    return [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)].join('…')
  }
  if (ts.isConditionalExpression(node)) return textOf(node.whenTrue)
  if (!ts.isBinaryExpression(node)) return null
  const [left, right] = [textOf(node.left), textOf(node.right)]
  return left === null || right === null ? null : left + right
}

/** The messages of the errors that a source makes, alone or through a `refuse` of its own. */
function messagesIn(source: string): string[] {
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    if ((ts.isCallExpression(node) || ts.isNewExpression(node)) && ts.isIdentifier(node.expression)) {
      const position = { SessionError: 1, refuse: 0, invalid: 0 }[node.expression.text]
      const text = position === undefined ? null : textOf(node.arguments?.[position])
      if (text) found.push(text)
    }
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile('source.ts', source, ts.ScriptTarget.Latest, true))
  return found
}

/** Begins with a capital or the name of an option, a function or a store, and ends with a period. */
const sentence =
  /^(?:[A-Z…`'"]|[a-z]+[A-Z]\w*\b|[a-z]+(?:\.[\w…]+|\(|: | is | are | must | can | has | needs | lists | only | takes |-)).*[.…?]$/s

describe('messages of errors', () => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !/^(testing|stores|error-catalog)/.test(path))
    .map((path) => `src/${path}`)
  const all = files.flatMap((path) => messagesIn(readFileSync(path, 'utf8')).map((message) => [path, message] as const))

  it('are found', () => expect(all.length).toBeGreaterThan(70))

  it.each(all)('%s: %j is a sentence', (path, message) => {
    // These refuse with a word, which becomes a message elsewhere.
    if (/load\.ts|pretend-sent\.ts/.test(path)) return
    expect(message).toMatch(sentence)
  })

  it('that are none are seen', () => {
    for (const wrong of ['the session is gone.', 'The session is gone', 'no session belongs to it.', '']) {
      expect(wrong).not.toMatch(sentence)
    }
  })
})
