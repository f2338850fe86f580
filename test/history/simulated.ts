import type { History, Kind, Operation, View } from './history.ts'

/** One operation of a simulated run, its numbers in ms or as indices. */
export interface Step {
  readonly kind: Exclude<Kind, 'audit'>
  /** When it begins; how long until it looks, has looked, changes something, and has ended. */
  readonly start: number
  readonly stages: readonly [number, number, number, number]
  /** Which of the tokens, names and messages that are known when it begins. */
  readonly choice: number
  /** Whether its answer is lost, before or after it took effect; or the store refuses it. */
  readonly fate: 'answered' | 'lost before' | 'lost after' | 'refused'
}

interface Line {
  readonly tag: string | undefined
  count: number
  log: string[]
  registers: Record<string, string>
  signedIn: boolean
  readonly messages: Set<string>
  /** The token that leads to it; null once nobody has one, or it was ended. */
  token: string | null
  ended: boolean
}

type Draft = { -readonly [Field in keyof Operation]: Operation[Field] }

/**
 * A correct history: what clients would see of a store in which every operation takes effect at one moment.
 *
 * @param lies - The first operation of this kind that would change something is acknowledged, and does nothing.
 */
export function simulate(steps: readonly Step[], lies?: Kind): { history: History; lied: boolean } {
  const operations: Operation[] = []
  const lineOf = new Map<string, Line>()
  const known: string[] = []
  const left: string[] = []
  let tokens = 0
  let lied = false
  const events: Array<{ at: number; happen: () => void }> = []
  const at = (time: number, happen: () => void): void => void events.push({ at: time, happen })

  const seenBy = (token: string | null): Line | null => {
    const line = token === null ? undefined : lineOf.get(token)
    return line !== undefined && line.token === token && !line.ended ? line : null
  }
  const issue = (line: Line): string => {
    const token = `t${++tokens}`
    line.token = token
    lineOf.set(token, line)
    return token
  }
  const lying = (kind: Kind): boolean => {
    if (lied || lies !== kind) return false
    lied = true
    return true
  }

  function begin(draft: Draft, tag: string | undefined): Line {
    const line: Line = {
      tag,
      count: 0,
      log: [],
      registers: {},
      signedIn: false,
      messages: new Set(),
      token: null,
      ended: false,
    }
    draft.issued = issue(line)
    draft.began = true
    change(line, draft)
    return line
  }

  function change(line: Line, { id, kind, name = '' }: Draft): void {
    if (kind === 'increment') line.count += 1
    if (kind === 'push' || kind === 'regenerate' || kind === 'login') line.log = [...line.log, id]
    if (kind === 'set') line.registers = { ...line.registers, [name]: id }
    if (kind === 'leave') line.messages.add(id)
    if (kind === 'login') line.signedIn = true
  }

  /** What the operation does at the moment at which it takes effect. */
  function commit(draft: Draft): void {
    const { kind, name = '', token, saw } = draft
    if (kind === 'read' || (saw === null && (kind === 'take' || kind === 'destroy'))) {
      if (kind === 'take') draft.got = null
      return
    }
    const line = saw === null ? null : seenBy(token)
    if (kind === 'destroy') {
      // An end follows the session to its new token.
      const target = token === null ? undefined : lineOf.get(token)
      if (target !== undefined && !target.ended && !lying(kind)) target.ended = true
      return
    }
    if (kind === 'take') {
      const there = line?.messages.has(name) ?? false
      draft.got = there ? name : null
      if (there && !lying(kind)) line?.messages.delete(name)
      return
    }
    if (saw === null || (line === null && kind === 'login')) {
      draft.left = viewOf(begin(draft, saw === null ? draft.id : undefined))
      return
    }
    if (line === null) {
      draft.result = 'refused'
      draft.gone = true
      return
    }
    const before: Line = { ...line, messages: new Set(line.messages) }
    change(line, draft)
    draft.left = viewOf(line)
    if (kind === 'regenerate' || kind === 'login') draft.issued = issue(line)
    if (!lying(kind)) return
    if (kind === 'regenerate' || kind === 'login') {
      // The old token goes on leading to a session of its own.
      lineOf.set(token ?? '', before)
    } else Object.assign(line, before)
  }

  for (const [index, step] of steps.entries()) {
    const { kind, start, choice, fate } = step
    const [toLook, toOpened, toChange, toEnd] = step.stages
    const id = `o${index}`
    const draft: Draft = { id, client: 0, kind, token: null, start, end: 0, result: 'done' }
    let change = commit
    at(start, () => {
      draft.token = kind === 'create' ? null : (known[choice % Math.max(known.length, 1)] ?? null)
      if (kind === 'set') draft.name = choice % 2 === 0 ? 'a' : 'b'
      if (kind !== 'take') return
      const there = [...(lineOf.get(draft.token ?? '')?.messages ?? [])]
      draft.name = there[choice % Math.max(there.length, 1)] ?? 'none'
    })
    at(start + toLook, () => {
      const line = seenBy(draft.token)
      draft.saw = line === null ? null : viewOf(line, left)
    })
    const opened = start + toLook + toOpened
    const changed = opened + toChange
    draft.opened = opened
    draft.end = changed + toEnd
    if (fate === 'lost before' || fate === 'refused') change = () => undefined
    at(changed, () => change(draft))
    at(draft.end, () => {
      if (fate === 'refused') draft.result = 'refused'
      if (fate !== 'answered' && fate !== 'refused') {
        const { id, client, kind, name, token, start } = draft
        operations.push({
          ...{ id, client, kind, token, start, end: Infinity, result: 'unknown' },
          ...(name === undefined ? {} : { name }),
        })
        return
      }
      operations.push(draft)
      if (draft.issued !== undefined) known.push(draft.issued)
      if (kind === 'leave' && draft.result === 'done') left.push(id)
    })
  }
  for (const { happen } of events.toSorted((a, b) => a.at - b.at)) happen()

  const last = Math.max(0, ...steps.map(({ start, stages }) => stages.reduce((sum, ms) => sum + ms, start)))
  const copies: Record<string, number> = {}
  for (const line of new Set(lineOf.values())) {
    if (line.tag !== undefined && !line.ended) copies[line.tag] = (copies[line.tag] ?? 0) + 1
  }
  for (const [index, token] of known.entries()) {
    const times = { start: last + 10, opened: last + 20, end: last + 30 }
    const line = seenBy(token)
    const record = lineOf.get(token)
    operations.push({
      ...{ id: `read${index}`, client: 0, kind: 'read', token, result: 'done', ...times },
      saw: line === null ? null : viewOf(line, left),
    })
    operations.push({
      ...{ id: `audit${index}`, client: 0, kind: 'audit', token, result: 'done', ...times },
      saw: record === undefined || record.ended ? null : viewOf(record, left),
    })
  }
  return { history: { operations, copies }, lied }
}

function viewOf({ tag, count, log, registers, signedIn, messages }: Line, asked: readonly string[] = []): View {
  const there = asked.map((message) => [message, messages.has(message)] as const)
  return {
    ...(tag === undefined ? {} : { tag }),
    ...{ count, log, registers, signedIn, messages: Object.fromEntries(there) },
  }
}
