import { readdirSync, readFileSync } from 'node:fs'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

/** A message as it stands in the source, with `…` for what is filled in. */
type Message = readonly [place: string, text: string]

/** What gives an error its message, by name, and what that puts before it. */
const makers: ReadonlyMap<string, string> = new Map([
  ['invalid', ''],
  ['refusal', 'openStore: '],
  ['Error', ''],
  ['SessionError', ''],
])

/** The texts of a literal, a template or a sum of such; null for what is none. */
function textOf(node: ts.Node | undefined): string | null {
  if (node === undefined) return null
  if (ts.isStringLiteralLike(node)) return node.text
  if (ts.isTemplateExpression(node)) {
    return [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)].join('…')
  }
  if (!ts.isBinaryExpression(node)) return null
  const [left, right] = [textOf(node.left), textOf(node.right)]
  return left === null || right === null ? null : left + right
}

function messagesIn(path: string, source: string): Message[] {
  const found: Message[] = []
  const visit = (node: ts.Node): void => {
    if ((ts.isCallExpression(node) || ts.isNewExpression(node)) && ts.isIdentifier(node.expression)) {
      const maker = node.expression.text
      const text = textOf((node.arguments ?? [])[maker === 'refusal' || maker === 'SessionError' ? 1 : 0])
      const before = makers.get(maker)
      // An empty one is filled in afterwards, one that only hands on is judged where it is made.
      if (before !== undefined && text) found.push([`${path}: ${maker}`, before + text])
    }
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true))
  return found
}

const sentence = /^(?:[a-z]+Store|…(?:Store)?): [^ ].*(?:[^.\s]\.|…)$/s

describe('messages of stores', () => {
  // Those of the sealed cookie are worded as the option that they are about; errors that are rebuilt keep their words.
  const files = readdirSync('src/stores', { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !/sealed-cookie|redis.open\.ts/.test(path))
    .map((path) => `src/stores/${path}`)
  const all = files.flatMap((path) => messagesIn(path, readFileSync(path, 'utf8')))

  it('are found', () => expect(all.length).toBeGreaterThan(70))

  it.each(all)('%s(%j) is a sentence that begins with its function', (_, text) => {
    expect(text).toMatch(sentence)
  })

  it('that are none are seen', () => {
    const source = [
      "throw new Error('a key is a text.')",
      "throw new Error('memoryStore: no period')",
      'throw invalid(`\u0024{name} must be a number.`)',
      "throw new SessionError('UNSUPPORTED', 'nothing is kept')",
      "throw invalid('redisStore: a ' + 'b')",
    ]
    const judged = messagesIn('x.ts', source.join('\n')).map(([, text]) => sentence.test(text))
    expect(judged).toEqual([false, false, false, false, false])
    const sound = ["throw refusal(scheme, 'needs a host.')", "throw invalid(`\u0024{store}: must be ` + 'x.')"]
    expect(messagesIn('x.ts', sound.join('\n')).map(([, text]) => sentence.test(text))).toEqual([true, true])
  })
})
