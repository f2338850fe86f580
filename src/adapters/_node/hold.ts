import type { ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import { isUint8Array } from 'node:util/types'
import { applyHead, becomeFailure, destroyResponse, headersSent, type Patchable, type Seal, seal } from './response.ts'

/** The response of `node:http`, or of the compatibility API of `node:http2`. */
export type NodeResponse = ServerResponse | Http2ServerResponse

/** What a response waits for. */
export interface Commit {
  /** Stores the changes and writes the headers; a promise only if there is something to wait for. */
  finish(status: number): unknown
  /** Whether there are changes that no `finish` has stored. */
  isChanged(): boolean
  /** Told of a failed commit, and of a response that could not be written. */
  report(error: unknown): void
}

type Method = 'writeHead' | 'write' | 'end' | 'flushHeaders'

interface Call {
  readonly method: Method
  readonly args: unknown[]
}

/**
 * Holds a response back, from the first call that would begin it until the commit has succeeded.
 *
 * While it waits it looks begun (`headersSent`, `ERR_HTTP_HEADERS_SENT`, `writableEnded`), for so it would be without
 * the wait. The calls are made afterwards, in order. When the commit fails, the response becomes a plain-text one with
 * the error's status. Changes made after the header hold back the end alone; when they can not be stored, the
 * connection is cut, so that a complete response always stands for a stored session.
 */
export function holdResponse(response: NodeResponse, commit: Commit): void {
  const res = response as unknown as Patchable
  const { writeHead, write, end, flushHeaders } = res
  const native = { writeHead, write, end, flushHeaders }
  let state: 'fresh' | 'held' | 'open' | 'replaced' = 'fresh'
  let queue: Call[] = []
  let queuedBytes = 0
  let needsDrain = false
  let endQueued = false
  /** The header is out: what fails from now on can only cut the response short. */
  let begun = res.headersSent
  let sealed: Seal | undefined

  res.writeHead = (...args) => {
    if (state === 'open') return native.writeHead.apply(res, args)
    if (state !== 'fresh') throw headersSent('write')
    const status = Number(args[0]) | 0
    if (status < 100 || status > 999) throw coded(new RangeError(`Invalid status code: ${args[0]}`), invalidStatus)
    if (status < 200) {
      // 101 hands the connection over: it begins no response.
      state = 'open'
      return native.writeHead.apply(res, args)
    }
    // The cookies that the application passes here must be on the response before ours is put beside them.
    applyHead(res, args)
    return begin('writeHead', typeof args[1] === 'string' ? [status, args[1]] : [status], res)
  }
  if ('writeHeader' in res) res.writeHeader = res.writeHead

  res.flushHeaders = () => {
    if (state === 'open') return native.flushHeaders.apply(res)
    if (state === 'fresh') begin('flushHeaders', [], undefined)
  }

  res.write = (...args) => {
    if (state === 'open') return native.write.apply(res, args)
    if (isOver()) return refuse(args)
    checkChunk(args[0])
    return begin('write', args, true)
  }

  res.end = (...args) => {
    if (state === 'open') return endOpen(args)
    if (isOver()) {
      const [chunk] = args
      if (chunk && typeof chunk !== 'function') refuse(args)
      else whenFinished(callbackOf(args))
      return res
    }
    if (args[0] && typeof args[0] !== 'function') checkChunk(args[0])
    return begin('end', args, res)
  }

  /** Makes the call, now or after the commit. */
  function begin<Answer>(method: Method, args: unknown[], answer: Answer): unknown {
    if (state === 'held') return enqueue(method, args, answer)
    const status = res.statusCode
    const waiting = attempt(status)
    if (waiting === null) return native[method].apply(res, args)
    hold(waiting, status)
    return enqueue(method, args, answer)
  }

  function endOpen(args: unknown[]): unknown {
    if (res.writableEnded || !commit.isChanged()) return native.end.apply(res, args)
    begun = true
    const status = res.statusCode
    const waiting = attempt(status)
    if (waiting === null) return native.end.apply(res, args)
    hold(waiting, status)
    return enqueue('end', args, res)
  }

  /** The promise to wait for; null if there is none, and the response is open. */
  function attempt(status: number): PromiseLike<unknown> | null {
    try {
      const result = commit.finish(status)
      if (isPromise(result)) return result
      state = 'open'
      return null
    } catch (error) {
      return Promise.reject(error)
    }
  }

  function hold(waiting: PromiseLike<unknown>, status: number): void {
    state = 'held'
    sealed = seal(res)
    if (needsDrain) sealed.needDrain()
    if (endQueued) sealed.end()
    settle(waiting, status).catch(commit.report)
  }

  async function settle(waiting: PromiseLike<unknown>, status: number): Promise<void> {
    try {
      await waiting
      // What was changed during the wait goes out with the same header.
      if (commit.isChanged()) await commit.finish(status)
    } catch (error) {
      replace(error)
      return
    }
    replay(status)
  }

  function enqueue<Answer>(method: Method, args: unknown[], answer: Answer): Answer | boolean {
    queue.push({ method, args })
    if (method === 'end') {
      endQueued = true
      sealed?.end()
    }
    if (method !== 'write') return answer
    queuedBytes += sizeOf(args)
    // As Node does for a response that waits for its socket: the writer is asked to pause once the buffer is full.
    const roomLeft = queuedBytes < (res.writableHighWaterMark ?? 16_384)
    if (!roomLeft) {
      needsDrain = true
      if (!endQueued) sealed?.needDrain()
    }
    return roomLeft
  }

  function replay(status: number): void {
    sealed?.lift()
    state = 'open'
    const calls = queue
    queue = []
    if (!begun) res.statusCode = status
    let flowing = true
    try {
      for (const { method, args } of calls) if (native[method].apply(res, args) === false) flowing = false
    } catch (error) {
      commit.report(error)
      destroyResponse(res)
      return
    }
    // If the connection is full as well, Node emits the event when it has drained.
    if (needsDrain && flowing && !endQueued) process.nextTick(() => res.emit('drain'))
    needsDrain = false
  }

  function replace(error: unknown): void {
    sealed?.lift()
    const calls = queue
    queue = []
    commit.report(error)
    try {
      if (begun) destroyResponse(res)
      else answerFailure(error)
    } catch {
      // The header went out by a way around these calls.
      destroyResponse(res)
    }
    state = 'replaced'
    for (const { args } of calls) tell(callbackOf(args), error)
  }

  function answerFailure(error: unknown): void {
    state = 'open'
    const text = becomeFailure(res, error)
    // Not through the wrappers of later middleware: one that compresses would announce an encoding for this text.
    const outermost = { writeHead: res.writeHead, write: res.write }
    Object.assign(res, { writeHead: native.writeHead, write: native.write })
    native.end.call(res, text)
    Object.assign(res, outermost)
  }

  function isOver(): boolean {
    return state === 'replaced' || endQueued
  }

  /** Answers a write after the end with the error that Node has for it, but lets it break nothing. */
  function refuse(args: unknown[]): false {
    tell(callbackOf(args), coded(new Error('write after end'), 'ERR_STREAM_WRITE_AFTER_END'))
    return false
  }

  function whenFinished(callback: unknown): void {
    if (typeof callback !== 'function') return
    if (res.writableFinished) tell(callback, undefined)
    else res.once('finish', callback as () => void)
  }
}

function tell(callback: unknown, error: unknown): void {
  if (typeof callback === 'function') process.nextTick(callback as (error: unknown) => void, error)
}

function callbackOf(args: unknown[]): unknown {
  return args.find((arg) => typeof arg === 'function')
}

function sizeOf([chunk, encoding]: unknown[]): number {
  if (typeof chunk !== 'string') return (chunk as Uint8Array).byteLength
  return Buffer.byteLength(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8')
}

/** Node would throw this too, but only when the call is made: by then nobody is there to catch it. */
function checkChunk(chunk: unknown): void {
  if (typeof chunk === 'string' || isUint8Array(chunk)) return
  throw coded(new TypeError('The chunk must be a string, a Buffer or a Uint8Array'), 'ERR_INVALID_ARG_TYPE')
}

const invalidStatus = 'ERR_HTTP_INVALID_STATUS_CODE'

function coded(error: Error, code: string): Error {
  return Object.assign(error, { code })
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}
