import type { Anomaly, Operation } from './history.ts'
import { type Effect, type Line, type Look, shortfall } from './lines.ts'

type Finding = Omit<Anomaly, 'line'>

/** One value of a register: who wrote it, who saw it. */
interface Cluster {
  readonly value: string
  readonly write: Effect | null
  readonly looks: Look[]
}

/** The span in which a register must have held a value, or, if `forward` is false, may have held it for one moment. */
interface Zone {
  readonly cluster: Cluster
  readonly from: number
  readonly to: number
  readonly forward: boolean
}

const initial = ''

/**
 * Whether one register of a session is linearizable.
 *
 * Each value is written once, so that this can be decided exactly, by the zones of Gibbons and Korach ("Testing Shared
 * Memories", SIAM J. Comput. 26, 1997): no two forward zones overlap, and no backward zone lies within a forward one.
 */
export function checkRegister({ looks, effects }: Line, name: string): Finding[] {
  const findings: Finding[] = []
  const clusters = new Map<string, Cluster>([[initial, { value: initial, write: null, looks: [] }]])
  const refused = new Map<string, Operation>()
  for (const effect of effects) {
    const { operation, result } = effect
    if (operation.kind !== 'set' || operation.name !== name) continue
    if (result === 'refused') refused.set(operation.id, operation)
    else clusters.set(operation.id, { value: operation.id, write: effect, looks: [] })
  }
  for (const look of looks) {
    const value = look.view.registers[name] ?? initial
    const cluster = clusters.get(value)
    if (cluster !== undefined && (cluster.write?.start ?? -Infinity) <= look.end) cluster.looks.push(look)
    else {
      const kind = refused.has(value) ? 'refused-effect' : 'phantom'
      const detail = `${name} is ${value}, which was ${refused.has(value) ? 'refused' : 'not written before'}`
      findings.push({ kind, detail, operations: [look.operation.id, value] })
    }
  }
  const zones = [...clusters.values()].flatMap((cluster) => zoneOf(cluster) ?? [])
  const forward = zones.filter((zone) => zone.forward).sort((a, b) => a.from - b.from)
  for (const [index, zone] of forward.entries()) {
    const following = forward[index + 1]
    if (following !== undefined && following.from < zone.to) findings.push(clash(name, zone, following))
  }
  for (const zone of zones) {
    if (zone.forward) continue
    const around = forward.find(({ from, to }) => from < zone.from && zone.to < to)
    if (around !== undefined) findings.push(clash(name, around, zone))
  }
  return findings
}

/** Null for a value that nobody saw and that may never have been written. */
function zoneOf(cluster: Cluster): Zone | null {
  const { write, looks } = cluster
  if (looks.length === 0 && write?.result !== 'done') return null
  const firstEnd = Math.min(write === null ? -Infinity : write.end, ...looks.map(({ end }) => end))
  const lastStart = Math.max(write === null ? -Infinity : write.start, ...looks.map(({ start }) => start))
  const forward = firstEnd < lastStart
  return { cluster, from: Math.min(firstEnd, lastStart), to: Math.max(firstEnd, lastStart), forward }
}

function clash(name: string, zone: Zone, other: Zone): Finding {
  const last = zone.cluster.looks.toSorted((a, b) => a.start - b.start).at(-1)
  const [value, between] = [zone.cluster.value || 'empty', other.cluster.value || 'empty']
  const writers = [zone, other].flatMap(({ cluster }) => cluster.write?.operation.id ?? [])
  return {
    kind: last === undefined ? 'stale-read' : shortfall(last),
    detail: `${name} is ${value} before and after it was ${between}`,
    operations: [...writers, ...(last === undefined ? [] : [last.operation.id])],
  }
}
