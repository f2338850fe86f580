/** What a visitor's session holds in all benches but those of growth: 200 bytes of payload. */
export const visitor = {
  count: 0,
  theme: 'dark',
  cart: ['sku-10293', 'sku-88121'],
  locale: 'en-GB',
  seen: 1_767_225_600_000,
  tour: { done: true, step: 4 },
  source: 'newsletter-2026-01',
}

export type Visitor = { count: number } & Record<string, unknown>

/** A session of about so many kilobytes: a counter beside a list of small objects, as carts and histories are. */
export function ofSize(kilobytes: number): Visitor {
  const history: object[] = []
  const data = { count: 0, history }
  for (let id = 10_000; JSON.stringify(data).length < kilobytes * 1000 - 100; id++) {
    history.push({ id, title: `Item number ${id}`, price: id / 100, tags: ['new', 'sale'] })
  }
  return data
}
