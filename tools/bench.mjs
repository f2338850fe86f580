// @ts-check
// Runs one bench, or without a name lists them:  npm run bench -- <name> [arguments]
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { root } from './doors.mjs'

const names = readdirSync(`${root}bench`).filter((name) => existsSync(`${root}bench/${name}/run.ts`))
const [name, ...args] = process.argv.slice(2)
if (name === undefined || !names.includes(name)) {
  console.log(`usage: npm run bench -- <name> [arguments]\n\n${names.map((each) => `  ${each}`).join('\n')}`)
  process.exit(name === undefined ? 0 : 2)
}
const command = ['--expose-gc', `${root}tools/run-ts.mjs`, `${root}bench/${name}/run.ts`, ...args]
process.exitCode = spawnSync(process.execPath, command, { cwd: root, stdio: 'inherit' }).status ?? 1
