import { describe, it } from 'vitest'
import { adapterCases } from '../../src/testing/adapter-suite.ts'
import { starters } from '../fixtures/adapter-starters.ts'

describe.each(Object.entries(starters()))('%s', (_, start) => {
  for (const { title, run } of adapterCases(start, { tls: true })) it(title, run)
})
