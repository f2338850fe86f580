import { spawnSync } from 'node:child_process'

/** What a command said, and how it ended. */
export interface Ran {
  readonly status: number | null
  readonly output: string
}

/** Runs a command to its end. */
export function run(command: string, args: readonly string[], cwd: string): Ran {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  return { status, output: `${stdout}${stderr}${error ?? ''}`.trim() }
}
