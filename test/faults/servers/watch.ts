import type { EventEmitter } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const tickMs = 5
/** Timers are rarely later than this by themselves. */
const toleratedMs = 1.5
let heldUpMs = 0
let lastTick = performance.now()

// Unreferenced: it ends with the process.
setInterval(() => {
  const now = performance.now()
  heldUpMs += overrun(now)
  lastTick = now
}, tickMs).unref()

/**
 * Begins to measure; the answer tells the ms since then, less those in which this process was held up: by other work in
 * the event loop, or because the machine ran something else. A timer can not fire then, whoever has set it.
 */
export function stopwatch(): () => number {
  const [start, before] = read()
  return () => {
    const [end, after] = read()
    return end - start - (after - before)
  }
}

/** How long this process was held up since the call, in ms. */
export function holdUps(): () => number {
  const [, before] = read()
  return () => read()[1] - before
}

function read(): [number, number] {
  const now = performance.now()
  return [now, heldUpMs + overrun(now)]
}

function overrun(now: number): number {
  const late = now - lastTick - tickMs
  return late > toleratedMs ? late : 0
}

/** What went wrong behind everybody's back since the watch began. */
export interface Watch {
  readonly faults: readonly unknown[]
  stop(): void
}

/** Watches for what would end a process: unhandled rejections and exceptions that nobody caught, and for warnings. */
export function watchProcess(): Watch {
  const faults: unknown[] = []
  const note = (fault: unknown) => faults.push(fault)
  const names = ['unhandledRejection', 'uncaughtException', 'warning'] as const
  for (const name of names) process.on(name as 'warning', note)
  return {
    faults,
    stop() {
      for (const name of names) process.off(name as 'warning', note)
    },
  }
}

/** How many sockets and the like keep the process alive, by kind. Timers come and go, so they are left out. */
export function openHandles(): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) {
    if (/Wrap$/.test(kind)) counts[kind] = (counts[kind] ?? 0) + 1
  }
  return counts
}

/** How many listeners all events of these have together. */
export function listenersOf(emitters: readonly EventEmitter[]): number {
  let count = 0
  for (const emitter of emitters) {
    for (const name of emitter.eventNames()) count += emitter.listenerCount(name)
  }
  return count
}

/** Bytes that are in use when all garbage is gone: the heap, buffers included. */
export function usedBytes(): number {
  collectGarbage ??= exposeGc()
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

let collectGarbage: (() => void) | undefined

function exposeGc(): () => void {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
}

/** Asks again and again until the answer is true; false if that takes longer than `withinMs`. */
export async function eventually(check: () => unknown, withinMs: number, everyMs = 20): Promise<boolean> {
  const until = performance.now() + withinMs
  for (;;) {
    if (await check()) return true
    if (performance.now() > until) return false
    await pause(everyMs)
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
