import type { Ratio, Summary } from './statistics.ts'

/** One line of a table: a contestant, and how it compares. */
export interface Row {
  readonly name: string
  readonly cost: Summary
  readonly comparison?: (Ratio & { readonly to: string; readonly budget?: number }) | undefined
}

export interface Table {
  readonly title: string
  readonly rows: readonly Row[]
}

export function print({ title, rows }: Table): void {
  console.log(`\n${title}`)
  console.log(line('', ['min', 'median', 'max'], 'ratio of medians'))
  for (const { name, cost, comparison } of rows) {
    const numbers = [cost.min, cost.median, cost.max].map((each) => each.toFixed(each < 100 ? 2 : 0))
    console.log(line(name, numbers, comparison === undefined ? '' : verdict(comparison)))
  }
}

function line(name: string, numbers: readonly string[], rest: string): string {
  return `  ${name.padEnd(34)}${numbers.map((each) => each.padStart(10)).join('')}  ${rest}`.trimEnd()
}

function verdict({ ratio, overlap, to, budget }: NonNullable<Row['comparison']>): string {
  const against = budget === undefined ? '' : `, budget ${budget.toFixed(2)}${ratio <= budget ? '' : ' MISSED'}`
  return `${ratio.toFixed(2)} x ${to}${against}${overlap ? ' (ranges overlap)' : ''}`
}
