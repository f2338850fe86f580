import type { History, Kind, Operation } from './history.ts'
import type { Job, Reply } from './job.ts'
import type { Random } from './random.ts'

/** A session as the clients know it: through what they were told. */
interface Known {
  /** Real tokens, the newest last. */
  readonly tokens: string[]
  readonly messages: string[]
  dead: boolean
  visits: number
}

/** Decides what the clients do, and writes down what came of it. */
export interface Workload {
  /** All operations so far; those under way count as unknown. */
  history(): History
  /** The next thing for a client to do. */
  next(random: Random): Task
  /** What there is to do when all is quiet: each token is presented, and each session's records are looked at. */
  last(): Task[]
  /** Writes down that a client was asked to do it. */
  ask(task: Task, client: number, at: number): void
  /** Writes down what came of it; a null reply is that of a process that was killed. */
  note(task: Task, reply: Reply | null): void
}

export type Task = Omit<Job, 'number' | 'kind'> & { readonly kind: Kind }

const together = 3
const mostVisits = 250
const chances: ReadonlyArray<readonly [Kind, number]> = [
  ['read', 22],
  ['increment', 22],
  ['push', 16],
  ['set', 14],
  ['leave', 7],
  ['take', 11],
  ['regenerate', 3],
  ['login', 2],
  ['destroy', 0.6],
]
const total = chances.reduce((sum, [, chance]) => sum + chance, 0)

let runs = 0

/** Sessions come and go; a few at a time are worked on by all clients. */
export function createWorkload(): Workload {
  // Runs may share a store, where what an earlier one left must not be taken for its own.
  const run = `r${++runs}`
  const operations: Operation[] = []
  const pending = new Map<string, Operation>()
  const active: Known[] = []
  const former: Known[] = []
  const knownOf = new Map<string, Known>()
  const aliases = new Map<string, string>()
  let drawn = 0
  let creating = 0

  function task(kind: Kind, known: Known | null, token: string | null, more: Partial<Task> = {}): Task {
    return { id: `${run}.${++drawn}`, kind, token, messages: known?.messages.slice(-8) ?? [], save: false, ...more }
  }

  function retire(known: Known): void {
    const index = active.indexOf(known)
    if (index === -1) return
    active.splice(index, 1)
    former.push(known)
  }

  function adopt(known: Known, token: string): void {
    known.tokens.push(token)
    knownOf.set(token, known)
    aliases.set(token, `t${aliases.size + 1}`)
  }

  return {
    history: () => ({ operations: [...operations, ...pending.values()] }),

    next(random) {
      if (active.length + creating < together || active.length === 0) {
        creating += 1
        return task('create', null, null)
      }
      // Now and then somebody comes back to a session that was left, most of which have ended.
      const left = former.length > 0 && random.chance(0.1)
      const known = random.pick(left ? former.slice(-4) : active)
      known.visits += 1
      if (known.dead || known.visits > mostVisits) retire(known)
      const newest = known.tokens.at(-1) ?? ''
      const token = random.chance(0.12) ? random.pick(known.tokens) : newest
      const kind = random.weighted(chances, total)
      const save = random.chance(0.2) && (kind === 'increment' || kind === 'push' || kind === 'set')
      if (kind === 'set') return task(kind, known, token, { name: random.pick(['a', 'b']), save })
      if (kind !== 'take') return task(kind, known, token, { save })
      // Several ask for the newest.
      const message = known.messages.at(random.chance(0.7) ? -1 : -2)
      return message === undefined ? task('leave', known, token) : task(kind, known, token, { name: message })
    },

    last() {
      return [...active, ...former].flatMap((known) =>
        known.tokens.flatMap((token) => {
          const { messages } = known
          return [task('read', known, token, { messages }), task('audit', known, token, { messages })]
        }),
      )
    },

    ask({ id, kind, name, token }, client, at) {
      pending.set(id, {
        ...{ id, client, kind, ...(name === undefined ? {} : { name }) },
        token: token === null ? null : (aliases.get(token) ?? 'unknown'),
        ...{ start: at, end: Infinity, result: 'unknown' },
      })
    },

    note({ id, kind, token }, reply) {
      const asked = pending.get(id)
      if (asked === undefined) throw new Error('nobody was asked to do this')
      pending.delete(id)
      if (kind === 'create') creating -= 1
      if (reply === null) {
        operations.push(asked)
        return
      }
      const known = token === null ? undefined : knownOf.get(token)
      if (reply.fault !== undefined) throw new Error(`${kind} failed: ${reply.fault}`)
      const { start, opened, result, saw, left, gone, began, issued, got } = reply
      if (issued !== undefined && began) {
        const born: Known = { tokens: [], messages: [], dead: false, visits: 0 }
        adopt(born, issued)
        if (active.length < together) active.push(born)
        else former.push(born)
      } else if (issued !== undefined && known !== undefined) adopt(known, issued)
      if (known !== undefined && token === known.tokens.at(-1) && (saw === null || kind === 'destroy'))
        known.dead = true
      if (kind === 'leave' && result !== 'refused' && !began) known?.messages.push(id)
      operations.push({
        ...asked,
        start,
        ...(opened === undefined ? {} : { opened }),
        end: result === 'unknown' ? Infinity : reply.end,
        result,
        ...(saw === undefined ? {} : { saw }),
        ...(left === undefined ? {} : { left }),
        ...(gone === undefined ? {} : { gone }),
        ...(began === undefined ? {} : { began }),
        ...(issued === undefined ? {} : { issued: aliases.get(issued) ?? 'unknown' }),
        ...(got === undefined ? {} : { got }),
      })
    },
  }
}
