import type { Sweeper } from '../../contract/sessions.ts'
import type { Sweeping } from '../../contract/store.ts'
import type { RandomSource } from '../../crypto/random.ts'
import { SessionError } from '../../errors.ts'
import { parseDuration } from '../../values/duration.ts'
import type { EngineParts } from '../parts.ts'

const batchSize = 1000
/** Longer timers fire at once: their delay is a signed 32-bit number of ms. */
const longestTimer = 2 ** 31 - 1

/** Removes all expired records, a batch at a time so that requests come in between. */
export async function sweepAll(
  { settings, listeners }: EngineParts,
  store: Sweeping,
  signal?: AbortSignal,
): Promise<number> {
  const started = performance.now()
  const now = settings.clock()
  let removed = 0
  for (let batch = batchSize; batch >= batchSize && !signal?.aborted; removed += batch) {
    batch = await store.sweep(now, signal ? { limit: batchSize, signal } : { limit: batchSize })
    await new Promise((resolve) => setTimeout(resolve))
  }
  listeners.emit('swept', { at: settings.clock(), removed, durationMs: performance.now() - started })
  return removed
}

/**
 * Calls `sweep` at an interval or by a cron expression until stopped.
 *
 * Intervals vary by a tenth, so that several nodes that were started together do not stay in step. Throws
 * `CONFIG_INVALID` for an expression that is neither. The timer never keeps the process alive.
 */
export async function startSweeper(
  every: number | string,
  random: RandomSource,
  sweep: () => Promise<unknown>,
): Promise<Sweeper> {
  if (typeof every === 'string' && /\s|^@/.test(every.trim())) return startCron(every, sweep)
  const interval = parseDuration(every, 'every')
  let timer: ReturnType<typeof setTimeout> | undefined
  let stopped = false
  const wait = (ms: number) => {
    timer = setTimeout(
      () => {
        if (ms > longestTimer) return wait(ms - longestTimer)
        void sweep().finally(next)
      },
      Math.min(ms, longestTimer),
    )
    ;(timer as { unref?(): void }).unref?.()
  }
  const next = () => {
    const [byte = 0] = random(1)
    if (!stopped) wait(interval * (0.9 + (byte / 255) * 0.2))
  }
  next()
  return {
    stop() {
      stopped = true
      clearTimeout(timer)
    },
  }
}

async function startCron(expression: string, sweep: () => Promise<unknown>): Promise<Sweeper> {
  // Loaded on demand: most applications sweep at an interval and need no calendar.
  const { Cron } = await import('croner')
  try {
    const job = new Cron(expression, { protect: true, unref: true, legacyMode: true }, async () => void (await sweep()))
    return { stop: () => job.stop() }
  } catch (cause) {
    const hint = "use an interval such as '30m' or a cron expression such as '*/30 * * * *'"
    throw new SessionError('CONFIG_INVALID', `every is ${JSON.stringify(expression)}: ${hint}.`, { cause })
  }
}
