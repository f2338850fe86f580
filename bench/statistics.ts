/** What the rounds of one contestant gave, in microseconds of CPU per request. */
export interface Summary {
  readonly min: number
  readonly median: number
  readonly max: number
}

function summarise(samples: readonly number[]): Summary {
  const sorted = samples.toSorted((a, b) => a - b)
  const at = (index: number): number => sorted[index] ?? Number.NaN
  const middle = (sorted.length - 1) / 2
  return {
    min: round(at(0)),
    median: round((at(Math.floor(middle)) + at(Math.ceil(middle))) / 2),
    max: round(at(sorted.length - 1)),
  }
}

/** What a contestant costs beyond a baseline. */
export interface Added {
  /** Between the medians. */
  readonly median: number
  /** Between the fastest rounds, which a busy machine disturbs least. */
  readonly min: number
}

export function beyond(whole: Summary, baseline: Summary): Added {
  return { median: round(whole.median - baseline.median), min: round(whole.min - baseline.min) }
}

/** How two contestants compare; null where the other adds no more than the noise, so that no multiple of it means anything. */
export interface Ratio {
  /** Of the medians. */
  readonly ratio: number | null
  /** Of the fastest rounds. */
  readonly ratioOfMinima: number | null
}

export function compare(one: Added, other: Added): Ratio {
  return { ratio: multiple(one.median, other.median), ratioOfMinima: multiple(one.min, other.min) }
}

function multiple(one: number, other: number): number | null {
  return other > 0 ? round(one / other) : null
}

/** Whether the slowest round of the one was no faster than the fastest of the other, or the other way round. */
export function overlap(one: Summary, other: Summary): boolean {
  return one.min <= other.max && other.min <= one.max
}

/** Takes one sample of each contestant in turn (A B C A B C ...), so that a slow minute of the machine meets them all. */
export async function interleave(
  names: readonly string[],
  rounds: number,
  sample: (name: string) => Promise<number>,
): Promise<(name: string) => Summary> {
  const samples = new Map<string, number[]>(names.map((name) => [name, []]))
  for (let taken = 0; taken < rounds; taken++) {
    for (const [name, taken] of samples) taken.push(await sample(name))
  }
  return (name) => summarise(samples.get(name) ?? [])
}

function round(value: number): number {
  return Number(value.toPrecision(4))
}
