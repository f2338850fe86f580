import { type Added, compare, overlap, type Ratio, type Summary } from './statistics.ts'

/** One line of a table: a contestant, and how it compares. */
export interface Row {
  readonly name: string
  readonly cost: Summary
  /** Beyond the table's first row. */
  readonly added?: Added
  readonly comparison?: Comparison
}

interface Comparison extends Ratio {
  readonly to: string
  /** The most that the ratio of the medians may be. */
  readonly budget?: number
  /** The ranges overlap: the ratio says little. */
  readonly overlap: boolean
}

export interface Table {
  readonly title: string
  readonly rows: readonly Row[]
}

/** Compares what two contestants cost as a whole. */
export function against(one: Summary, other: Summary, to: string, budget?: number): Comparison {
  return { ...compare(one, other), to, overlap: overlap(one, other), ...(budget !== undefined && { budget }) }
}

/** Compares what two contestants add to the same baseline. */
export function addedAgainst(one: Row, other: Row, budget?: number): Comparison {
  const ratio = compare(one.added ?? one.cost, other.added ?? other.cost)
  return { ...ratio, to: other.name, overlap: overlap(one.cost, other.cost), ...(budget !== undefined && { budget }) }
}

export function print({ title, rows }: Table): void {
  const adds = rows.some(({ added }) => added !== undefined)
  console.log(`\n${title}`)
  const width = Math.max(30, ...rows.map(({ name }) => name.length + 1))
  console.log(line(width, '', ['min', 'median', 'max', ...(adds ? ['added'] : [])], 'ratio of medians (of minima)'))
  for (const { name, cost, added, comparison } of rows) {
    const costs = [cost.min, cost.median, cost.max].map(shown)
    const rest = adds ? [added === undefined ? '' : shown(added.median)] : []
    console.log(line(width, name, [...costs, ...rest], comparison === undefined ? '' : verdict(comparison)))
  }
}

function line(width: number, name: string, numbers: readonly string[], rest: string): string {
  return `  ${name.padEnd(width)}${numbers.map((each) => each.padStart(9)).join('')}   ${rest}`.trimEnd()
}

function shown(microseconds: number): string {
  return microseconds.toFixed(Math.abs(microseconds) < 100 ? 2 : 0)
}

function verdict({ ratio, ratioOfMinima, to, budget, overlap }: Comparison): string {
  const allowed = budget === undefined ? '' : `, budget ${budget.toFixed(2)}${judgement(ratio, budget)}`
  const ratios = [ratio, ratioOfMinima].map((each) => each?.toFixed(2) ?? '?')
  return `${ratios[0]} (${ratios[1]}) x ${to}${allowed}${overlap ? '; ranges overlap' : ''}`
}

function judgement(ratio: number | null, budget: number): string {
  if (ratio === null) return ': not to be told'
  return ratio <= budget ? '' : ': MISSED'
}
