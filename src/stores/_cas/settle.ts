/** What ends a call that nobody waits for any more: an `AbortSignal`, or several as one. */
export type Abortable = Pick<AbortSignal, 'throwIfAborted'>

/** How often a writer that lost tries again. */
export interface Patience {
  readonly attempts: number
  /** How long it waits when it has lost so many times, ms; 0 for not at all. */
  pauseMs(lost: number): number
  /** The error when all attempts were lost, as a sentence. */
  readonly message: string
}

/** Makes attempts until one answers something, each on what it reads anew. */
export async function untilSettled<Outcome>(
  { attempts, pauseMs, message }: Patience,
  signal: Abortable | undefined,
  attempt: () => Promise<Outcome | undefined>,
): Promise<Outcome> {
  for (let lost = 0; lost < attempts; lost++) {
    signal?.throwIfAborted()
    const outcome = await attempt()
    if (outcome !== undefined) return outcome
    const ms = pauseMs(lost)
    if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms))
  }
  throw new Error(message)
}
