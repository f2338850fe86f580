import type { SessionInfo, Users } from '../contract/sessions.ts'
import { need } from './abilities.ts'
import type { Engine } from './engine.ts'
import { infoOf } from './registry.ts'
import type { Place } from './state.ts'
import { idOf } from './token.ts'

/** The sessions of one user at a time. */
export function usersOf(engine: Engine): Users {
  const { settings, store } = engine

  async function placesOf(userId: string): Promise<Place[]> {
    const index = need(engine.abilities.userIndex, settings.storeName, 'find the sessions of a user')
    const keys = await index.keysOf(userId)
    const records = await Promise.all(keys.map((key) => store.read(key)))
    return keys.flatMap((key, at) => {
      const record = records[at] ?? null
      return record === null ? [] : { key, record }
    })
  }

  return {
    async list(userId) {
      const infos: SessionInfo[] = (await placesOf(userId)).flatMap(
        ({ key, record }) => infoOf(engine, key, record) ?? [],
      )
      return infos.sort((a, b) => b.lastSeenAt - a.lastSeenAt)
    },
    async revoke(userId, id) {
      const place = (await placesOf(userId)).find(({ key }) => idOf(key) === id)
      if (place === undefined) return false
      await engine.keeping.end(place)
      return true
    },
    async revokeAll(userId, { except } = {}) {
      if (engine.keeping.revokeAll !== undefined) return engine.keeping.revokeAll(userId, except)
      for (const place of await placesOf(userId)) {
        if (idOf(place.key) !== except) await engine.keeping.end(place)
      }
    },
  }
}
