import type { SessionInfo } from '../../contract/sessions.ts'
import type { Engine } from '../engine.ts'
import type { Place } from '../request/state.ts'
import { need } from '../store/abilities.ts'
import { idOf } from '../token.ts'
import { infoOf } from './list.ts'

/** The live sessions of a user, the last used first. */
export async function listOfUser(engine: Engine, userId: string): Promise<SessionInfo[]> {
  const places = await placesOf(engine, userId)
  const infos = places.flatMap(({ key, record }) => infoOf(engine, key, record) ?? [])
  return infos.sort((a, b) => b.lastSeenAt - a.lastSeenAt)
}

/** Ends one session of a user; false if there is no such session. */
export async function revokeOfUser(engine: Engine, userId: string, id: string): Promise<boolean> {
  const place = (await placesOf(engine, userId)).find(({ key }) => idOf(key) === id)
  if (place === undefined) return false
  await engine.keeping.end(place)
  return true
}

/** Ends all sessions of a user but one. */
export async function revokeAllOfUser(engine: Engine, userId: string, except: string | undefined): Promise<void> {
  if (engine.keeping.revokeAll !== undefined) return engine.keeping.revokeAll(userId, except)
  for (const place of await placesOf(engine, userId)) {
    if (idOf(place.key) !== except) await engine.keeping.end(place)
  }
}

async function placesOf({ abilities, settings, store }: Engine, userId: string): Promise<Place[]> {
  const index = need(abilities.userIndex, settings.storeName, 'find the sessions of a user')
  const keys = await index.keysOf(userId)
  const records = await Promise.all(keys.map((key) => store.read(key)))
  return keys.flatMap((key, at) => {
    const record = records[at] ?? null
    return record === null ? [] : { key, record }
  })
}
