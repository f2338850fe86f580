import type { EngineParts } from './parts.ts'
import type { Persistence } from './persistence.ts'

/** The parts, and how sessions are kept with them. */
export interface Engine extends EngineParts {
  readonly persistence: Persistence
}
