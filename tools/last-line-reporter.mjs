// @ts-check
// Ends a test run with the line `N passed, N failed, N skipped`, alone and after everything else that is printed.
// What is no test but went wrong counts as failed: a file that can not be loaded, a hook, an unhandled error, and a
// test that never came to an end. A run in which nothing passed is no success; with COATCHECK_CI=1 neither is a skip.
import { writeSync } from 'node:fs'
import { unmetNeeds } from './needs.mjs'

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

/** A reporter for vitest. */
export default class LastLineReporter {
  /** @type {Counts | undefined} */
  #counts
  /** @type {string[]} */
  #skipped = []

  constructor() {
    process.once('exit', (code) => this.#end(code))
  }

  onTestRunStart() {
    this.#counts = undefined
    this.#skipped = []
  }

  /**
   * @param {readonly import('vitest/node').TestModule[]} modules
   * @param {readonly unknown[]} unhandledErrors
   */
  onTestRunEnd(modules, unhandledErrors) {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 }
    for (const module of modules) {
      counts.failed += module.errors().length
      for (const suite of module.children.allSuites()) counts.failed += suite.errors().length
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        if (state === 'passed') counts.passed += 1
        else if (state === 'skipped') {
          counts.skipped += 1
          this.#skipped.push(`${module.relativeModuleId} > ${test.fullName}`)
        } else counts.failed += 1
      }
    }
    // Whoever asks for single files knows what is not among them.
    if (process.env['COATCHECK_WHOLE'] === '1') {
      for (const [file, missing] of unmetNeeds()) {
        counts.skipped += 1
        this.#skipped.push(`${file}, for want of ${missing.join(' and ')}`)
      }
    }
    this.#counts = counts
  }

  /** @param {number} code */
  #end(code) {
    // Without counts the run broke off before the first test, and the code tells whether something was wrong.
    const counts = this.#counts ?? { passed: 0, failed: code === 0 ? 0 : 1, skipped: 0 }
    const lines = []
    if (counts.skipped > 0 && process.env['COATCHECK_CI'] !== '1')
      lines.push('Skipped:', ...this.#skipped.map((name) => `  ${name}`))
    if (counts.passed === 0 && counts.failed === 0) lines.push('No test passed: that is a failure.')
    if (process.env['COATCHECK_CI'] === '1' && counts.skipped > 0) {
      lines.push(
        'With COATCHECK_CI=1 no test may be skipped, and these were:',
        ...this.#skipped.map((name) => `  ${name}`),
      )
    }
    if (code === 0 && (counts.failed > 0 || lines.length > 0)) process.exitCode = 1
    lines.push(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
    // Synchronous: after the exit event nothing that is queued gets out any more.
    writeSync(1, `\n${lines.join('\n')}\n`)
  }
}
