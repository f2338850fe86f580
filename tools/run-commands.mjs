// @ts-check
import { spawn } from 'node:child_process'
import { root } from './doors.mjs'

/** @typedef {{ name: string, command: string, args: string[] }} Command `command` is a file of node_modules/.bin. */

/**
 * Runs the commands, two at a time, and prints one line for each and the output of those that fail.
 *
 * @param {Command[]} commands
 * @returns {Promise<boolean>} whether all succeeded
 */
export async function runCommands(commands) {
  const waiting = [...commands]
  let succeeded = true
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      succeeded = (await run(next)) && succeeded
    }
  }
  await Promise.all([work(), work()])
  return succeeded
}

/** @param {Command} what */
function run({ name, command, args }) {
  const began = performance.now()
  const child = spawn(`${root}node_modules/.bin/${command}`, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  /** @type {Buffer[]} */
  const output = []
  child.stdout.on('data', (chunk) => output.push(chunk))
  child.stderr.on('data', (chunk) => output.push(chunk))
  return new Promise((resolve) => {
    child.once('error', (error) => output.push(Buffer.from(String(error))))
    child.once('close', (code) => {
      const seconds = ((performance.now() - began) / 1000).toFixed(1)
      console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`)
      if (code !== 0) console.log(Buffer.concat(output).toString())
      resolve(code === 0)
    })
  })
}
