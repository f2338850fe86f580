import { SessionError } from '../../errors.ts'

/** A `CONFIG_INVALID` to throw, with a sentence that says what to do. */
export function invalid(message: string): SessionError {
  return new SessionError('CONFIG_INVALID', message)
}
