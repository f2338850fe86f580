import type { Store, UserIndex } from '../../../src/index.ts'

/** Clients that create, read, touch and replace records without a pause, each its own. */
export interface Traffic {
  /** What calls threw, or that they took too long. What they were to do may have been done. */
  readonly faults: string[]
  /** What no store may answer. */
  readonly violations: string[]
  readonly keys: readonly string[]
  /** Resolves when every client has had so many more of its changes acknowledged. */
  until(changes: number): Promise<void>
  /** From now on later changes may be lost, as long as what was acknowledged until now is not. */
  allowLoss(): void
  /** From now on whatever is acknowledged must stay. */
  forbidLoss(): void
  /** Ends the clients, and has each look at its record once more. */
  stop(): Promise<void>
}

interface Client {
  readonly key: string
  readonly userId: string
  /** The version that was acknowledged last, the least that must be there, and the greatest that was ever sent. */
  acknowledged: number
  least: number
  sent: number
  changes: number
}

/** As long as the engine waits by default. */
const patienceMs = 2_000

/** Lets clients loose on a store. */
export function startTraffic(store: Store & UserIndex, count: number): Traffic {
  const faults: string[] = []
  const violations: string[] = []
  let mayLose = false
  let isOver = false

  const clients = Array.from({ length: count }, (_, index): Client => {
    const key = `record-of-client-${index}-of-this-traffic`
    return { key, userId: `user-${index % 7}`, acknowledged: 0, least: 0, sent: 0, changes: 0 }
  })

  function acknowledge(client: Client, version: number): void {
    client.acknowledged = version
    if (!mayLose) client.least = version
    client.changes++
  }

  function recordOf(client: Client, version: number) {
    client.sent = Math.max(client.sent, version)
    const payload = `${client.key} ${version} ${'x'.repeat(version % 100)}`
    return { payload, version, expiresAt: Date.now() + 3_600_000, userId: client.userId }
  }

  /** The version that is there, which must be one that was sent, with what was sent, and not older than it may be. */
  async function look(client: Client): Promise<number> {
    const found = await inTime(store.read(client.key))
    const version = found?.version ?? 0
    if (version < client.least) violations.push(`${client.key} fell back from ${client.least} to ${version}`)
    if (version > client.sent) violations.push(`${client.key} has version ${version}, ${client.sent} was the last`)
    if (found && found.payload !== recordOf(client, version).payload) violations.push(`${client.key} is a mixture`)
    return version
  }

  async function run(client: Client): Promise<void> {
    while (!isOver) {
      try {
        const version = await look(client)
        const isSure = version === client.acknowledged
        const next = recordOf(client, version + 1)
        const done = await inTime(
          version === 0 ? store.create(client.key, next) : store.replace(client.key, next, version),
        )
        if (done) acknowledge(client, next.version)
        else if (isSure && version > 0 && faults.length === 0)
          violations.push(`${client.key}: refused without a reason`)
        if (done && !(await inTime(store.touch(client.key, Date.now() + 7_200_000, next.version))) && !mayLose) {
          violations.push(`${client.key}: acknowledged, and then not there to touch`)
        }
        const keys = client.changes % 5 === 0 ? await inTime(store.keysOf(client.userId)) : [client.key]
        if (!keys.includes(client.key) && !mayLose) violations.push(`${client.key}: not among those of its owner`)
      } catch (error) {
        faults.push(String(error))
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      // So that the servers get a share of a small machine.
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }

  const running = clients.map(run)
  return {
    faults,
    violations,
    keys: clients.map(({ key }) => key),
    async until(changes) {
      const goals = clients.map((client) => client.changes + changes)
      while (clients.some((client, index) => client.changes < (goals[index] ?? 0))) {
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    },
    allowLoss() {
      mayLose = true
    },
    forbidLoss() {
      mayLose = false
      for (const client of clients) client.least = Math.min(client.least, client.acknowledged)
    },
    async stop() {
      isOver = true
      await Promise.all(running)
      await Promise.all(clients.map(look))
    },
  }
}

async function inTime<Answer>(answer: Answer | Promise<Answer>): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), patienceMs)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}
