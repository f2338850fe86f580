import { checkRegister } from './check-register.ts'
import type { Anomaly, Operation, View } from './history.ts'
import { type Effect, type Line, type Look, pushes, shortfall } from './lines.ts'

/** What may be wrong with a line, without the line. */
type Finding = Omit<Anomaly, 'line'>

/** Checks what was found in a session against what was done to it. */
export function checkData(line: Line, operations: ReadonlyMap<string, Operation>): Anomaly[] {
  const names = new Set(line.looks.flatMap(({ view }) => Object.keys(view.registers)))
  for (const { operation } of line.effects) if (operation.kind === 'set') names.add(operation.name ?? '')
  const findings: Finding[] = [
    ...checkOrigin(line, operations),
    ...checkTally(
      line,
      'count',
      ({ kind }) => kind === 'increment',
      Infinity,
      ({ count }) => count,
    ),
    ...checkTally(
      line,
      'signedIn',
      ({ kind }) => kind === 'login',
      1,
      ({ signedIn }) => Number(signedIn),
    ),
    ...checkDistinct(line),
    ...checkLog(line, operations),
    ...checkTorn(line),
    ...[...names].flatMap((name) => checkRegister(line, name)),
  ]
  return findings.map((finding) => ({ line: line.name, ...finding }))
}

/** The session's tag is that of the operation that began it. */
function checkOrigin({ looks, birth }: Line, operations: ReadonlyMap<string, Operation>): Finding[] {
  const { tag } = birth.left ?? {}
  return looks.flatMap(({ view, operation }): Finding[] => {
    if (view.tag === tag) return []
    const from = operations.get(view.tag ?? '')
    const detail = `found the session that ${from?.id ?? 'nobody'} began, not that of ${birth.id}`
    return [{ kind: 'foreign-data', detail, operations: [operation.id] }]
  })
}

/** A number that only grows: at least what was acknowledged before the look, at most what was asked for before its end. */
function checkTally(
  { looks, effects }: Line,
  what: string,
  counts: (operation: Operation) => boolean,
  most: number,
  measure: (view: View) => number,
): Finding[] {
  const relevant = effects.filter(({ operation, result }) => counts(operation) && result !== 'refused')
  const ends = relevant.filter(({ result }) => result === 'done').map(({ end }) => end)
  const starts = relevant.map(({ start }) => start)
  const [endsInOrder, startsInOrder] = [sorted(ends), sorted(starts)]
  const findings = looks.flatMap((look): Finding[] => {
    const found = measure(look.view)
    const least = Math.min(most, below(endsInOrder, look.start))
    const upTo = Math.min(most, below(startsInOrder, look.end))
    const operations = [look.operation.id]
    if (found < least) {
      return [{ kind: shortfall(look), detail: `${what} is ${found}, ${least} were acknowledged before`, operations }]
    }
    if (found <= upTo) return []
    return [{ kind: 'phantom', detail: `${what} is ${found}, at most ${upTo} can have been made`, operations }]
  })
  return [...findings, ...checkGrowing(looks, what, measure)]
}

/** Two changes that left the same count were made on the same base: one of them is lost. */
function checkDistinct({ looks }: Line): Finding[] {
  const seen = new Map<number, Operation>()
  return looks.flatMap(({ operation, view, own }): Finding[] => {
    if (!own || operation.kind !== 'increment') return []
    const twin = seen.get(view.count)
    seen.set(view.count, operation)
    if (twin === undefined) return []
    const detail = `two increments both made it ${view.count}`
    return [{ kind: 'lost-update', detail, operations: [twin.id, operation.id] }]
  })
}

/** All logs that were seen are beginnings of one list, which has every element once and in the order of real time. */
function checkLog({ looks, effects }: Line, operations: ReadonlyMap<string, Operation>): Finding[] {
  const findings: Finding[] = []
  const effectOf = new Map<string, Effect>()
  for (const effect of effects) if (pushes(effect.operation)) effectOf.set(effect.operation.id, effect)
  let longest: readonly string[] = []
  let source: Look | undefined
  for (const look of looks) {
    if (look.view.log.length > longest.length) {
      longest = look.view.log
      source = look
    }
  }
  for (const look of looks) {
    const { view, operation, own } = look
    const at = view.log.findIndex((id, index) => id !== longest[index])
    if (at !== -1) {
      const detail = `the log has ${view.log[at]} where another has ${longest[at]}`
      findings.push({ kind: 'lost-update', detail, operations: [operation.id, source?.operation.id ?? ''] })
    }
    if (own && effectOf.get(operation.id)?.result === 'done' && !view.log.includes(operation.id)) {
      findings.push({ kind: 'lost-update', detail: 'it did not leave what it pushed', operations: [operation.id] })
    }
    findings.push(...checkElements(look, effectOf, operations))
  }
  return [...findings, ...checkGrowing(looks, 'the log', ({ log }) => log.length)]
}

function checkElements(
  { view, operation, end }: Look,
  effectOf: ReadonlyMap<string, Effect>,
  operations: ReadonlyMap<string, Operation>,
): Finding[] {
  const found = new Set<string>()
  return view.log.flatMap((id): Finding[] => {
    const ids = [operation.id, id]
    if (found.has(id)) return [{ kind: 'phantom', detail: `the log has ${id} twice`, operations: ids }]
    found.add(id)
    const effect = effectOf.get(id)
    if (effect === undefined) {
      const kind = operations.has(id) ? 'foreign-data' : 'phantom'
      return [{ kind, detail: `nobody pushed ${id} here`, operations: ids }]
    }
    if (effect.result === 'refused') {
      return [{ kind: 'refused-effect', detail: `the log has ${id}, which was refused`, operations: ids }]
    }
    if (effect.start <= end) return []
    return [{ kind: 'phantom', detail: `the log has ${id}, which began later`, operations: ids }]
  })
}

/** A look that began after another had ended finds no less than that. */
function checkGrowing(looks: readonly Look[], what: string, measure: (view: View) => number): Finding[] {
  const byEnd = looks.toSorted((a, b) => a.end - b.end)
  let highest: Look | undefined
  let next = 0
  return looks
    .toSorted((a, b) => a.start - b.start)
    .flatMap((look): Finding[] => {
      for (let past = byEnd[next]; past !== undefined && past.end < look.start; past = byEnd[++next]) {
        if (highest === undefined || measure(past.view) > measure(highest.view)) highest = past
      }
      if (highest === undefined || measure(look.view) >= measure(highest.view)) return []
      const kind = highest.own ? shortfall(look) : 'backwards'
      const detail = `${what} went back from ${measure(highest.view)} to ${measure(look.view)}`
      return [{ kind, detail, operations: [highest.operation.id, look.operation.id] }]
    })
}

/** Two looks never each show something that the other lacks. */
function checkTorn({ looks }: Line): Finding[] {
  const inOrder = looks.toSorted((a, b) => a.view.count - b.view.count || a.view.log.length - b.view.log.length)
  let fullest: Look | undefined
  return inOrder.flatMap((look): Finding[] => {
    const torn = fullest !== undefined && fullest.view.log.length > look.view.log.length
    if (fullest === undefined || !torn) {
      fullest = look
      return []
    }
    const shown = [fullest, look].map(({ view }) => `count ${view.count} with ${view.log.length} in the log`)
    const detail = `one saw ${shown.join(', another ')}`
    return [{ kind: 'torn-read', detail, operations: [fullest.operation.id, look.operation.id] }]
  })
}

function sorted(numbers: readonly number[]): number[] {
  return numbers.toSorted((a, b) => a - b)
}

/** How many of the sorted numbers are below the limit. */
function below(inOrder: readonly number[], limit: number): number {
  let [low, high] = [0, inOrder.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((inOrder[middle] ?? Infinity) < limit) low = middle + 1
    else high = middle
  }
  return low
}
