/** Numbers that are the same in every run of one seed. */
export interface Random {
  /** From 0 to below 1. */
  next(): number
  chance(probability: number): boolean
  /** From `least` to below `most`. */
  between(least: number, most: number): number
  pick<Item>(items: readonly Item[]): Item
  weighted<Item>(items: ReadonlyArray<readonly [Item, number]>, total: number): Item
}

/** A generator of its own for each seed and stream (mulberry32, public domain, by Tommy Ettinger). */
export function randomOf(seed: number, stream: number): Random {
  let state = (seed ^ Math.imul(stream + 1, 0x9e3779b9)) | 0
  function next(): number {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  function pick<Item>(items: readonly Item[]): Item {
    const item = items[Math.floor(next() * items.length)]
    if (item === undefined) throw new Error('there is nothing to pick from')
    return item
  }
  return {
    next,
    pick,
    chance: (probability) => next() < probability,
    between: (least, most) => least + next() * (most - least),
    weighted(items, total) {
      let left = next() * total
      for (const [item, weight] of items) {
        left -= weight
        if (left < 0) return item
      }
      return pick(items)[0]
    },
  }
}
