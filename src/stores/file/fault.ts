import { join, relative, sep } from 'node:path'

/** What an error of the file system has. */
interface FileFault extends Error {
  readonly code?: unknown
  readonly errno?: unknown
  readonly syscall?: unknown
  readonly path?: unknown
  readonly dest?: unknown
}

/** The folders whose names say nothing about a record; what is below them is called after keys and user ids. */
const telling = /^(?:[A-Za-z0-9_-]|\.tmp|\.users)$/

/**
 * An error that names no file below this directory, for files are called after keys: it says what failed, why and in which
 * folder. Any other error is answered as it is.
 */
export function withoutFileNames(error: unknown, directory: string): unknown {
  if (!(error instanceof Error)) return error
  const fault: FileFault = error
  const cause = withoutFileNames(fault.cause, directory)
  // Of a symbolic link the path is what it says, and that is the name of a lock's holder.
  const named = [fault.dest, fault.path].find((path) => typeof path === 'string')
  if (named === undefined && cause === fault.cause) return error
  const message = named === undefined ? fault.message : messageOf(fault, named, directory)
  const clean = new Error(message, cause === undefined ? {} : { cause })
  const { name, stack = '', code, errno, syscall } = fault
  const frames = stack.slice(stack.indexOf('\n    at '))
  Object.defineProperty(clean, 'stack', {
    value: `${name}: ${message}${stack.includes('\n    at ') ? frames : ''}`,
    configurable: true,
    writable: true,
  })
  return named === undefined ? clean : Object.assign(clean, { code, errno, syscall })
}

/** As Node.js writes it, `ENOTDIR: not a directory, open in '/srv/sessions/x/s'`. */
function messageOf({ message, code, syscall }: FileFault, path: string, directory: string): string {
  const reason = message.split(`, ${syscall}`, 1).join()
  const parts = relative(directory, path).split(sep)
  const end = parts.findIndex((part) => !telling.test(part))
  const folder = join(directory, ...parts.slice(0, end < 0 ? parts.length : end))
  return `${reason.includes(directory) ? code : reason}, ${syscall} in '${folder}'`
}
