/** One block of code of a page. */
export interface Snippet {
  readonly page: string
  /** Of its first line, from 1. */
  readonly line: number
  readonly code: string
}

/** The TypeScript blocks of a Markdown page, or of the doc comments of a source file. */
export function snippetsOf(page: string, text: string): Snippet[] {
  const lines = page.endsWith('.md') ? text.split('\n') : text.split('\n').map((line) => line.replace(/^ *\* ?/, ''))
  const snippets: Snippet[] = []
  let open: { line: number; code: string[] } | null = null
  lines.forEach((line, index) => {
    if (open === null) {
      if (/^```ts\b/.test(line)) open = { line: index + 2, code: [] }
    } else if (line.startsWith('```')) {
      snippets.push({ page, line: open.line, code: open.code.join('\n') })
      open = null
    } else {
      open.code.push(line)
    }
  })
  return snippets
}

/** A snippet as a module: fragments may `return` and `await`, so what is no import or export goes into a function. */
export function moduleOf({ code }: Snippet): string {
  if (/^export /m.test(code)) return code
  const lines = code.split('\n')
  const lastImport = lines.findLastIndex((line) => /^import /.test(line) || /^} from /.test(line))
  const imports = lines.slice(0, lastImport + 1).join('\n')
  const body = lines.slice(lastImport + 1).join('\n')
  return `${imports}\nexport async function snippet(): Promise<unknown> {\n${body}\nreturn\n}\n`
}
