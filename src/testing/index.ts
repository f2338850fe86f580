/**
 * For tests: an in-memory store, a clock that is moved by hand, a store that fails on demand, and the conformance
 * suites that every store and every adapter of this package passes, for your own.
 */
export type { MemoryStoreOptions } from '../stores/memory/index.ts'
export { memoryStore } from '../stores/memory/index.ts'
export {
  type AdapterAnswer,
  type AdapterCase,
  type AdapterFacts,
  type AdapterHandler,
  type AdapterRequest,
  type AdapterServing,
  adapterCases,
  type ServedAdapter,
  type StartAdapter,
} from './adapter-suite.ts'
export type {
  FailureOptions,
  FaultOptions,
  FaultyStore,
  HeldCalls,
  StoreCall,
  StoreFaults,
  StoreOperation,
} from './faulty-store.ts'
export { faultyStore } from './faulty-store.ts'
export type { ManualClock } from './manual-clock.ts'
export { manualClock } from './manual-clock.ts'
export type { StoreAbility, StoreCase, StoreContext, StoreFacts, StoreUnderTest } from './store-suite.ts'
export { storeCases } from './store-suite.ts'
