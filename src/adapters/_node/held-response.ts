import { becomeFailure, destroyResponse } from './failure.ts'
import { headersSent, type PretendedResponse, pretendSent } from './pretend-sent.ts'
import { callbackOf, checkChunk, RecordedCalls, type ResponseMethod, tell } from './recorded-calls.ts'
import { type NodeResponse, type PatchableResponse, patchable } from './response.ts'
import { applyHead, statusOfHead } from './write-head.ts'

/** What a response waits for. */
export interface Commit {
  /** Stores the changes and writes the headers; a promise only if there is something to wait for. */
  finish(status: number): unknown
  /** Whether there are changes that no `finish` has stored. What it throws counts as a failed `finish`. */
  isChanged(): boolean
  /** Called for a failed commit, and of a response that could not be written. Must not throw. */
  report(error: unknown): void
}

/**
 * Holds a response back, from the first call that would begin it until the commit has succeeded.
 *
 * While it waits it looks begun (`headersSent`, `ERR_HTTP_HEADERS_SENT`, `writableEnded`), as it would be without
 * the wait. The calls are made afterwards, in order. When the commit fails, the response becomes a plain-text one with
 * the error's status. Changes made after the header hold back the end alone; when they can not be stored, the
 * connection is cut, so that a complete response always stands for a stored session.
 */
export function holdResponse(response: NodeResponse, commit: Commit): void {
  const res = patchable(response)
  const held = new HeldResponse(res, commit)
  res.writeHead = (...args) => held.writeHead(args)
  if ('writeHeader' in res) res.writeHeader = res.writeHead
  res.flushHeaders = () => held.flushHeaders()
  res.write = (...args) => held.write(args)
  res.end = (...args) => held.end(args)
}

/**
 * The states of a response, and what leads from one to the next:
 *
 *     fresh --a call, nothing to wait for--> open
 *     fresh --a call, the commit takes time--> held
 *     held  --stored; the recorded calls are made--> open
 *     held  --not stored; the client gets the failure--> replaced
 *     open  --end() after further changes--> held
 */
type State = 'fresh' | 'held' | 'open' | 'replaced'

class HeldResponse {
  readonly #res: PatchableResponse
  readonly #commit: Commit
  /** The calls as they were before. */
  readonly #native: Pick<PatchableResponse, ResponseMethod>
  #state: State = 'fresh'
  /** The header is out: what fails from now on can only cut the response short. */
  #begun: boolean
  #calls: RecordedCalls | null = null
  #pretence: PretendedResponse | null = null

  constructor(res: PatchableResponse, commit: Commit) {
    const { writeHead, write, end, flushHeaders } = res
    this.#res = res
    this.#commit = commit
    this.#native = { writeHead, write, end, flushHeaders }
    this.#begun = res.headersSent
  }

  writeHead(args: unknown[]): unknown {
    if (this.#state === 'open') return this.#native.writeHead.apply(this.#res, args)
    if (this.#state !== 'fresh') throw headersSent('write')
    const status = statusOfHead(args)
    if (status < 200) {
      // 101 hands the connection over: it begins no response.
      this.#state = 'open'
      return this.#native.writeHead.apply(this.#res, args)
    }
    // The cookies that the application passes here must be on the response before ours is put beside them.
    applyHead(this.#res, args)
    return this.#begin('writeHead', typeof args[1] === 'string' ? [status, args[1]] : [status])
  }

  flushHeaders(): void {
    if (this.#state === 'open') this.#native.flushHeaders.apply(this.#res)
    else if (this.#state === 'fresh') this.#begin('flushHeaders', [])
  }

  write(args: unknown[]): unknown {
    if (this.#state === 'open') return this.#native.write.apply(this.#res, args)
    if (this.#isOver()) return refuseLateWrite(args)
    checkChunk(args[0])
    return this.#begin('write', args)
  }

  end(args: unknown[]): unknown {
    if (this.#state === 'open') return this.#endOpen(args)
    const [chunk] = args
    const hasChunk = Boolean(chunk) && typeof chunk !== 'function'
    if (this.#isOver()) {
      if (hasChunk) refuseLateWrite(args)
      else this.#whenFinished(callbackOf(args))
      return this.#res
    }
    if (hasChunk) checkChunk(chunk)
    return this.#begin('end', args)
  }

  /** Makes a call that begins the response or continues it, now or after the commit. */
  #begin(method: ResponseMethod, args: unknown[]): unknown {
    if (this.#state === 'fresh' && this.#commitAtOnce()) return this.#native[method].apply(this.#res, args)
    return this.#record(method, args)
  }

  /** Ends a response that was let through; changes that were made since then are stored before. */
  #endOpen(args: unknown[]): unknown {
    if (this.#res.writableEnded) return this.#native.end.apply(this.#res, args)
    this.#begun = true
    if (this.#commitAtOnce('changes only')) return this.#native.end.apply(this.#res, args)
    return this.#record('end', args)
  }

  /** Commits; true if there is nothing to wait for, otherwise the response is held. */
  #commitAtOnce(what: 'all' | 'changes only' = 'all'): boolean {
    const status = this.#res.statusCode
    const waiting = this.#startCommit(status, what)
    if (waiting === null) this.#state = 'open'
    else this.#hold(waiting, status)
    return waiting === null
  }

  /** The promise to wait for, or null. What is thrown at once comes as a rejection: no call of the response throws it. */
  #startCommit(status: number, what: 'all' | 'changes only'): PromiseLike<unknown> | null {
    try {
      if (what === 'changes only' && !this.#commit.isChanged()) return null
      const waiting = this.#commit.finish(status)
      return isPromise(waiting) ? waiting : null
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #hold(waiting: PromiseLike<unknown>, status: number): void {
    this.#state = 'held'
    this.#calls = new RecordedCalls(this.#res.writableHighWaterMark)
    this.#pretence = pretendSent(this.#res)
    this.#settle(waiting, status).catch((error: unknown) => this.#commit.report(error))
  }

  async #settle(waiting: PromiseLike<unknown>, status: number): Promise<void> {
    try {
      await waiting
      // What was changed during the wait goes out with the same header.
      if (this.#commit.isChanged()) await this.#commit.finish(status)
    } catch (error) {
      this.#replace(error)
      return
    }
    this.#open(status)
  }

  /** Keeps a call for later; what it returns is what it would return now. */
  #record(method: ResponseMethod, args: unknown[]): unknown {
    const calls = this.#calls
    calls?.add(method, args)
    if (method === 'end') this.#pretence?.end()
    if (method !== 'write') return this.#res
    const full = calls?.full === true
    if (full) this.#pretence?.needDrain()
    return !full
  }

  /** The session is stored: the response is what the application has made of it. */
  #open(status: number): void {
    const res = this.#res
    const calls = this.#takeCalls()
    this.#state = 'open'
    if (!this.#begun) res.statusCode = status
    try {
      const flowing = calls?.replay((method, args) => this.#native[method].apply(res, args))
      // If the connection is full as well, Node emits the event when it has drained.
      if (flowing && calls?.full && !calls.ended) process.nextTick(() => res.emit('drain'))
    } catch (error) {
      this.#commit.report(error)
      destroyResponse(res)
    }
  }

  /** The session is not stored: the response says so, or is cut short. */
  #replace(error: unknown): void {
    const calls = this.#takeCalls()
    this.#commit.report(error)
    try {
      if (this.#begun) destroyResponse(this.#res)
      else this.#sendFailure(error)
    } catch {
      // The header went out by a way around these calls.
      destroyResponse(this.#res)
    }
    this.#state = 'replaced'
    calls?.fail(error)
  }

  /** The recorded calls of a response that waits no longer. */
  #takeCalls(): RecordedCalls | null {
    const calls = this.#calls
    this.#pretence?.restore()
    this.#pretence = null
    this.#calls = null
    return calls
  }

  #sendFailure(error: unknown): void {
    const res = this.#res
    this.#state = 'open'
    const text = becomeFailure(res, error)
    // Not through the wrappers of later middleware: one that compresses would announce an encoding for this text.
    const outermost = { writeHead: res.writeHead, write: res.write }
    Object.assign(res, { writeHead: this.#native.writeHead, write: this.#native.write })
    this.#native.end.call(res, text)
    Object.assign(res, outermost)
  }

  #isOver(): boolean {
    return this.#state === 'replaced' || this.#calls?.ended === true
  }

  #whenFinished(callback: unknown): void {
    if (typeof callback !== 'function') return
    if (this.#res.writableFinished) tell(callback)
    else this.#res.once('finish', callback as () => void)
  }
}

/** Answers a write after the end with the error that Node has for it, but lets it break nothing. */
function refuseLateWrite(args: unknown[]): false {
  const error = new Error('write after end')
  tell(callbackOf(args), Object.assign(error, { code: 'ERR_STREAM_WRITE_AFTER_END' }))
  return false
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}
