import type { RevokeAllOptions, RevokeOptions, SessionInfo } from '../../contract/sessions.ts'
import type { Engine } from '../engine.ts'
import type { EngineParts } from '../parts.ts'
import type { Ending, Place } from '../persistence.ts'
import { answersTo } from '../record/contents.ts'
import { factsIn } from '../record/read.ts'
import { need } from '../store/abilities.ts'
import { idOf } from '../token.ts'
import { infoOf } from './list.ts'

/** How many records are read or ended at a time: a user may have thousands of index entries. */
const mostAtOnce = 16

/** The live sessions of a user, the last used first. */
export async function listOfUser(engine: EngineParts, userId: string): Promise<SessionInfo[]> {
  const { places, failed } = await placesOf(engine, userId)
  if (failed !== undefined) throw failed.reason
  const infos = await Promise.all(places.map(({ key, record }) => infoOf(engine, key, record)))
  return infos.filter((info) => info !== null).sort((a, b) => b.lastSeenAt - a.lastSeenAt)
}

/** Ends one session of a user; false if there is no such session. */
export async function revokeOfUser(
  engine: Engine,
  userId: string,
  handle: string,
  { by }: RevokeOptions = {},
): Promise<boolean> {
  const { places, failed } = await placesOf(engine, userId)
  const place = places.find((each) => isMeant(handle, each))
  if (place === undefined && failed !== undefined) throw failed.reason
  if (place === undefined) return false
  await engine.persistence.end(place, by === undefined ? { reason: 'revoke' } : { reason: 'revoke', by })
  return true
}

/** Ends all sessions of a user but one. Tries all of them; throws the first failure when it has. */
export async function revokeAllOfUser(
  engine: Engine,
  userId: string,
  { except, by }: RevokeAllOptions = {},
): Promise<void> {
  if (engine.persistence.revokeAll !== undefined) return engine.persistence.revokeAll(userId, except)
  const ending: Ending = by === undefined ? { reason: 'revoke-all' } : { reason: 'revoke-all', by }
  const { places, failed } = await placesOf(engine, userId)
  const doomed = places.filter((place) => except === undefined || !isMeant(except, place))
  const results = await inBatches(doomed, (place) => engine.persistence.end(place, ending))
  const first = failed ?? results.find((result) => result.status === 'rejected')
  if (first !== undefined) throw first.reason
}

function isMeant(handle: string, { key, record }: Place): boolean {
  const facts = factsIn(record)
  return facts === null ? handle === idOf(key) : answersTo(handle, idOf(key), facts)
}

/** The records of a user, and the first failure to read one. */
async function placesOf(
  { abilities, settings, store }: EngineParts,
  userId: string,
): Promise<{ readonly places: Place[]; readonly failed: PromiseRejectedResult | undefined }> {
  const index = need(abilities.userIndex, settings.storeName, 'find the sessions of a user')
  const keys = await index.keysOf(userId)
  const records = await inBatches(keys, async (key) => ({ key, record: await store.read(key) }))
  const places = records.flatMap((result) => {
    if (result.status === 'rejected') return []
    const { key, record } = result.value
    return record === null ? [] : [{ key, record }]
  })
  return { places, failed: records.find((result) => result.status === 'rejected') }
}

async function inBatches<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<PromiseSettledResult<Result>[]> {
  const results: PromiseSettledResult<Result>[] = []
  for (let from = 0; from < items.length; from += mostAtOnce) {
    results.push(...(await Promise.allSettled(items.slice(from, from + mostAtOnce).map(work))))
  }
  return results
}
