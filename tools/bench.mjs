// @ts-check
// Runs all benches, or the one that is named:  npm run bench [-- [<name>] [arguments]]
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { root } from './doors.mjs'

const all = readdirSync(`${root}bench`).filter((name) => existsSync(`${root}bench/${name}/run.ts`))
const [first = '', ...rest] = process.argv.slice(2)
const isOption = first === '' || first.startsWith('-')
const names = isOption ? all : all.filter((name) => name === first)
const args = isOption ? process.argv.slice(2) : rest
if (names.length === 0) {
  console.log(`usage: npm run bench [-- [<name>] [arguments]]\n\n${all.map((each) => `  ${each}`).join('\n')}`)
  process.exit(2)
}
for (const name of names) {
  const command = ['--expose-gc', `${root}tools/run-ts.mjs`, `${root}bench/${name}/run.ts`, ...args]
  const { status } = spawnSync(process.execPath, command, { cwd: root, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}
