import { failureOf } from '../_failure.ts'
import { type NodeResponse, type PatchableResponse, patchable } from './response.ts'

/** Answers with the status of an error; a response that has begun is cut short. Throws nothing. */
export function answerFailure(response: NodeResponse, error: unknown, report: (error: unknown) => void): void {
  const res = patchable(response)
  if (res.writableEnded) return
  if (res.headersSent) return destroyResponse(res)
  try {
    res.end(becomeFailure(res, error))
  } catch (fault) {
    // Thrown by what the application has put around the response. No caller is left to catch it, and the client waits.
    report(fault)
    destroyResponse(res)
  }
}

/**
 * Makes a response tell of a failure, instead of what the application had prepared; returns the text to end it with.
 *
 * Goes: what describes the content. Stays: the rest, above all `Set-Cookie` and `Vary`. The session may have moved to a
 * new token with an earlier `save()`, and a client that does not get it has lost the session.
 */
export function becomeFailure(res: PatchableResponse, error: unknown): string {
  const { status, text } = failureOf(error)
  for (const name of res.getHeaderNames()) if (ofContent.test(name)) res.removeHeader(name)
  if (Object.hasOwn(res, 'statusMessage')) delete res.statusMessage
  res.statusCode = status
  res.setHeader('content-type', 'text/plain; charset=utf-8')
  res.setHeader('content-length', text.length)
  res.setHeader('cache-control', 'no-store')
  return text
}

/** Cuts a response short, so that the client can tell. */
export function destroyResponse(res: PatchableResponse): void {
  // An HTTP/2 stream that is only destroyed looks complete.
  if (res.stream?.close === undefined) res.destroy()
  else res.stream.close(internalError)
}

/** NGHTTP2_INTERNAL_ERROR */
const internalError = 2

const ofContent =
  /^(content-(?!security-policy).*|etag|last-modified|cache-control|expires|location|transfer-encoding|trailer|accept-ranges)$/i
