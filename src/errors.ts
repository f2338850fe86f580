/** What went wrong, as a closed set. `error-catalog.ts` has a title and a fix for each. */
export type SessionErrorCode =
  | 'CONFIG_INVALID'
  | 'ID_INVALID'
  | 'ID_COLLISION'
  | 'NO_SESSION'
  | 'SESSION_GONE'
  | 'SESSION_CONFLICT'
  | 'STORE_FAILED'
  | 'STORE_TIMEOUT'
  | 'RECORD_TOO_LARGE'
  | 'COOKIE_TOO_LARGE'
  | 'VALUE_INVALID'
  | 'DATA_INVALID'
  | 'HEADERS_SENT'
  | 'LIMIT_REACHED'
  | 'UNSUPPORTED'
  | 'CLOSED'

/** The status an adapter answers with when the error reaches it; 500 for the rest. */
const statusOf: Partial<Record<SessionErrorCode, number>> = {
  SESSION_GONE: 409,
  SESSION_CONFLICT: 409,
  STORE_FAILED: 503,
  STORE_TIMEOUT: 503,
  LIMIT_REACHED: 429,
  CLOSED: 503,
}

/**
 * The one error class: a fault or a misuse, never a normal outcome.
 *
 * The message says what to do and never contains a token, a key, a secret or session data.
 */
export class SessionError extends Error {
  override readonly name = 'SessionError'
  readonly code: SessionErrorCode
  /** The HTTP status that fits: 409, 429, 500 or 503. Frameworks that look for it answer with it. */
  readonly status: number
  /** Always false: the message is for the operator, not for the client. */
  readonly expose = false

  constructor(code: SessionErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.code = code
    this.status = statusOf[code] ?? 500
  }
}

/** Whether an error means that the store did not answer, so that the outcome is unknown. */
export function isOutage(error: unknown): error is SessionError {
  return error instanceof SessionError && (error.code === 'STORE_FAILED' || error.code === 'STORE_TIMEOUT')
}

/**
 * The HTTP status that something thrown asks for: its `status`, else its `statusCode`, whichever is a whole number from
 * 400 to 599; undefined if neither is. The order is that of Express (`finalhandler`), so that the commit and the answer
 * never judge one error by two numbers.
 */
export function statusOfError(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const { status, statusCode } = error as { readonly status?: unknown; readonly statusCode?: unknown }
  if (isErrorStatus(status)) return status
  return isErrorStatus(statusCode) ? statusCode : undefined
}

function isErrorStatus(code: unknown): code is number {
  return Number.isInteger(code) && Number(code) >= 400 && Number(code) <= 599
}
