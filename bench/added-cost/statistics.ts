/** What the rounds of one contestant gave, in microseconds of CPU per request. */
export interface Summary {
  readonly min: number
  readonly median: number
  readonly max: number
}

export function summarise(samples: readonly number[]): Summary {
  const sorted = samples.toSorted((a, b) => a - b)
  const at = (index: number): number => sorted[index] ?? Number.NaN
  const middle = (sorted.length - 1) / 2
  return {
    min: round(at(0)),
    median: round((at(Math.floor(middle)) + at(Math.ceil(middle))) / 2),
    max: round(at(sorted.length - 1)),
  }
}

/** How two contestants compare. */
export interface Ratio {
  /** Of the medians. */
  readonly ratio: number
  /** The slowest round of the one was no faster than the fastest of the other. */
  readonly overlap: boolean
}

export function compare(one: Summary, other: Summary): Ratio {
  return { ratio: round(one.median / other.median), overlap: one.min <= other.max && other.min <= one.max }
}

/** What each round costs beyond the same round of the baseline. */
export function beyond(samples: readonly number[], baseline: readonly number[]): number[] {
  return samples.map((sample, index) => sample - (baseline[index] ?? Number.NaN))
}

/** Takes one sample of each contestant in turn (A B C A B C ...), so that a slow minute of the machine meets them all. */
export async function interleave<Name extends string>(
  names: readonly Name[],
  rounds: number,
  sample: (name: Name) => Promise<number>,
): Promise<Record<Name, number[]>> {
  const samples = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, number[]>
  for (let taken = 0; taken < rounds; taken++) {
    for (const name of names) samples[name].push(await sample(name))
  }
  return samples
}

function round(value: number): number {
  return Number(value.toPrecision(4))
}
