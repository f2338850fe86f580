import { setTimeout } from 'node:timers/promises'
import { bundleChild } from '../fixtures/children.ts'
import { checkHistory } from './check.ts'
import { type ClientProcess, startClient } from './client-process.ts'
import type { Anomaly, History } from './history.ts'
import type { Reply, Target } from './job.ts'
import { clientFaults, type Fault, harass } from './nemesis.ts'
import { randomOf } from './random.ts'
import { createWorkload, type Task, type Workload } from './workload.ts'

/** A store to try, and what may befall it. */
export interface Trial {
  readonly target: Omit<Target, 'epoch' | 'storeTimeoutMs'>
  readonly seed: number
  /** The least ms of operations; what follows until all is quiet comes on top. */
  readonly durationMs: number
  /** Whether the history so far is enough: if not, it goes on, for a minute at most. */
  readonly enough?: (history: History) => boolean
  /** What befalls the server. */
  readonly faults?: readonly Fault[]
  /** Nothing befalls the clients. */
  readonly sparesClients?: boolean
}

/** What was seen in a run. */
export interface Verdict {
  readonly history: History
  readonly anomalies: readonly Anomaly[]
  /** How often each fault struck. */
  readonly struck: Readonly<Record<string, number>>
}

export const storeTimeoutMs = 400
const clientCount = 4
/** Requests that each client serves at a time. */
const width = 3
const patienceMs = 60_000

/** Lets four client processes work on shared sessions while faults strike, and checks what they saw. */
export async function runTrial(trial: Trial): Promise<Verdict> {
  const script = await bundleChild(new URL('./children/client.ts', import.meta.url))
  const epoch = process.hrtime.bigint()
  const now = (): number => Number(process.hrtime.bigint() - epoch) / 1e6
  const target: Target = { ...trial.target, storeTimeoutMs, epoch: String(epoch) }
  const workload = createWorkload()
  const clients: ClientProcess[] = []
  let over = false
  const isOver = (): boolean => over
  try {
    for (let index = 0; index < clientCount; index += 1) clients.push(await startClient(script, target))
    const faults = [...(trial.sparesClients ? [] : clientFaults(clients, storeTimeoutMs)), ...(trial.faults ?? [])]
    const harassing = harass(faults, randomOf(trial.seed, -1), isOver)
    // Each line of requests has its own stream, so that it wants the same things in each run of a seed.
    const lines = clients.flatMap((client, index) =>
      Array.from({ length: width }, async (_, line) => {
        const random = randomOf(trial.seed, index * width + line)
        while (!isOver()) await perform(workload, workload.next(random), client, index, now)
      }),
    )
    const stop = (): void => {
      over = true
    }
    const enough = untilEnough(trial, workload).finally(stop)
    const ended = Promise.all([...lines, enough]).finally(stop)
    const [struck] = await Promise.all([harassing, ended])
    const copies = await finish(workload, clients, now)
    const history = { ...workload.history(), ...(copies === undefined ? {} : { copies }) }
    return { history, anomalies: checkHistory(history), struck }
  } finally {
    over = true
    await Promise.allSettled(clients.map((client) => client.close()))
  }
}

async function perform(
  workload: Workload,
  task: Task,
  client: ClientProcess,
  index: number,
  now: () => number,
): Promise<void> {
  workload.ask(task, index, now())
  workload.note(task, await client.perform(task))
}

async function untilEnough({ durationMs, enough }: Trial, workload: Workload): Promise<void> {
  await setTimeout(durationMs)
  const limit = performance.now() + patienceMs
  while (enough !== undefined && !enough(workload.history()) && performance.now() < limit) await setTimeout(200)
}

/** Presents all tokens once more, to a store that nothing befalls any longer, and looks at the records. */
async function finish(
  workload: Workload,
  clients: readonly ClientProcess[],
  now: () => number,
): Promise<History['copies']> {
  const tasks = workload.last()
  await Promise.all(
    clients.map(async (client, index) => {
      for (let task = tasks.pop(); task !== undefined; task = tasks.pop()) {
        await perform(workload, task, client, index, now)
      }
    }),
  )
  const [client] = clients
  const survey = { id: 'survey', kind: 'survey', token: null, messages: [], save: false } as const
  const reply: Reply | null | undefined = await client?.perform(survey)
  return reply?.copies
}
