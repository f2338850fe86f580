import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'

/** A command that a server carried out: its name in capitals, then its arguments. */
export interface SeenCommand {
  readonly command: readonly string[]
  /** Whether a script made it. */
  readonly inScript: boolean
}

/** What a server carries out, whoever asks, as MONITOR tells. */
export interface Monitor {
  /** All commands while `work` runs, those of scripts included. */
  during(work: () => unknown): Promise<SeenCommand[]>
  /** The names of the commands that clients sent while `work` ran. */
  namesDuring(work: () => unknown): Promise<string[]>
  close(): void
}

/** Begins to watch the server on a port of this machine. */
export async function monitorOf(port: number): Promise<Monitor> {
  const asking = connect(port, '127.0.0.1')
  const watching = connect(port, '127.0.0.1')
  const lines = createInterface({ input: watching })
  watching.write('MONITOR\r\n')
  await once(lines, 'line')
  const seen: SeenCommand[] = []
  const waiting = new Map<string, () => void>()
  lines.on('line', (line) => {
    const [name = '', ...args] = [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, quoted = '']) => unquoted(quoted))
    const told = waiting.get(args[0] ?? '')
    if (told !== undefined) return told()
    seen.push({ command: [name.toUpperCase(), ...args], inScript: line.includes(' lua] "') })
  })

  /** Resolves when all that was carried out before has been told. */
  async function mark(): Promise<void> {
    const text = randomUUID()
    const told = new Promise<void>((resolve) => waiting.set(text, resolve))
    asking.write(`ECHO ${text}\r\n`)
    await told
    waiting.delete(text)
  }

  async function during(work: () => unknown): Promise<SeenCommand[]> {
    await mark()
    seen.length = 0
    await work()
    await mark()
    return seen.splice(0)
  }

  return {
    during,
    async namesDuring(work) {
      return (await during(work)).flatMap(({ command, inScript }) => (inScript ? [] : [command[0] ?? '']))
    },
    close() {
      watching.destroy()
      asking.destroy()
    },
  }
}

/** The text of an argument as MONITOR prints it. */
function unquoted(text: string): string {
  const controls: Record<string, string> = { n: '\n', r: '\r', t: '\t', a: '\u0007', b: '\b' }
  const bytes = text.replace(/\\(x[0-9a-f]{2}|.)/g, (_, code: string) =>
    code.length === 3 ? String.fromCharCode(Number.parseInt(code.slice(1), 16)) : (controls[code] ?? code),
  )
  return Buffer.from(bytes, 'latin1').toString()
}
