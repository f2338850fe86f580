import { describe, it } from 'vitest'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { storeCases } from '../../src/testing/index.ts'

describe('memoryStore', () => {
  for (const { title, run } of storeCases(({ clock }) => memoryStore({ clock }))) it(title, run)
})
