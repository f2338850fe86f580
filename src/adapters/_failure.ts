import { statusOfError } from '../errors.ts'

/** What a client learns of a fault: never more than the name of its status. */
export interface Failure {
  /** 400 to 599. */
  readonly status: number
  readonly text: string
}

const texts: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  413: 'Payload Too Large',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}

/** The status that an error asks for, 500 without one. */
export function failureOf(error: unknown): Failure {
  const status = statusOfError(error) ?? 500
  return { status, text: texts[status] ?? (status < 500 ? 'Request Failed' : 'Server Error') }
}

/** Where faults go when the application does not say: a session that was not stored must not pass unseen. */
export function logFault(error: unknown): void {
  console.error(error)
}
