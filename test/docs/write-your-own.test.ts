import { readFileSync } from 'node:fs'
import { transform } from 'esbuild'
import { describe, expect, it } from 'vitest'
import { createSessions, type Store } from '../../src/index.ts'
import { storeCases } from '../../src/testing/index.ts'

type MapStore = (options?: { clock?: () => number }) => Store

const page = readFileSync(new URL('../../docs/stores/write-your-own.md', import.meta.url), 'utf8')
const [source = ''] = page.match(/(?<=```ts\n)[^`]*export function mapStore[^`]*(?=```)/) ?? []
const { code } = await transform(source, { loader: 'ts', format: 'esm' })
const { mapStore } = (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as { mapStore: MapStore }

describe('D1 the store of docs/stores/write-your-own.md', () => {
  for (const { title, run } of storeCases(({ clock }) => mapStore({ clock }))) it(title, run)

  it('serves sessions, and refuses by name what it cannot do', async () => {
    const sessions = createSessions({ store: mapStore() })
    const session = await sessions.open(null)
    session.set('theme', 'dark')
    const { token } = await sessions.commit(session)
    expect((await sessions.open(token)).get('theme')).toBe('dark')
    await expect(sessions.count()).rejects.toMatchObject({ code: 'UNSUPPORTED' })
  })
})
